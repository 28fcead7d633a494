from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.doctor import network_probes


async def only_hub(host: str, number: int) -> None:
    if (host, number) != ("hub", 7433):
        raise ConnectionRefusedError


async def test_a_peer_counts_by_its_best_address() -> None:
    remembered = {
        NodeId("a"): ["old:1", "hub:7433"],
        NodeId("b"): ["gone:1", "no address"],
        NodeId("c"): [],
    }
    facts = await network_probes.peers(remembered, only_hub)
    assert facts.reached == ("hub:7433",)
    assert facts.unreached == ("gone:1",)


def test_a_held_port_is_the_agents_own_or_anothers() -> None:
    def held(host: str, number: int) -> None:
        raise OSError(98, "Address already in use")

    own = network_probes.port("0.0.0.0:7433", {"addresses": ["10.0.0.2:7433"]}, held)
    assert own.held_by_agent
    other = network_probes.port("0.0.0.0:7433", None, held)
    assert (other.held_by_agent, other.error) == (False, "Address already in use")
    assert network_probes.port("nowhere", None, held).error
    assert not network_probes.port("0.0.0.0:7433", None, lambda *_: None).error


def test_each_local_address_is_tried_for_multicast() -> None:
    def join(address: str) -> None:
        if address != "10.0.0.2":
            raise OSError

    facts = network_probes.multicast(lambda: ["10.0.0.2", "10.1.0.2"], join)
    assert (facts.joined, facts.refused) == (("10.0.0.2",), ("10.1.0.2",))
