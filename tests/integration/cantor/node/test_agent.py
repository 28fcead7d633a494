from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError, LocalProtocolError
from cantor.base.resources import Device, Resource
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.ledger.days import DAY_S, LIFE_DAYS
from cantor.mesh import exchange
from cantor.mesh.effects import Dial, SetTimer
from cantor.mesh.events import DaySaid
from cantor.node.agent import Agent
from cantor.node.lasting import LASTING_FACTS_MAX
from cantor.node.memory import NodeMemory
from cantor.node.services import Message, Reply
from cantor.node.settings import AgentSettings
from cantor.wire import DataFrame, Kind
from cantor.wire.record_fields import KIND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.base.clock import Clock
    from cantor.wire.frame import Value
    from cantor.wire.records import Record

pytestmark = pytest.mark.integration
WAIT_S = 20.0
CAMERA = Device("usb-1", "camera", "A camera", "/dev/video0")


class OneCamera:
    """A machine with one camera."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [CAMERA], [Resource("USBCamera", "condition", True)]


class BootedClock:
    """A clock that stands in 1970 until it is set, as on a box without a battery."""

    def __init__(self) -> None:
        self.is_set = False

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time() if self.is_set else 60.0


class Fleet:
    """Agents of one mesh in this process, each with sockets of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority.create("plant", now=datetime.now(UTC))
        self.agents: list[Agent] = []

    async def add(
        self,
        name: str,
        *,
        seeds: tuple[str, ...] = (),
        mdns: bool = False,
        clock: Clock | None = None,
    ) -> Agent:
        box = IdentityFolder(self._folder / name)
        if not box.enrolled:
            box.install(self._authority.issue(box.csr_pem(), now=datetime.now(UTC)))
        settings = AgentSettings(
            self._folder / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=seeds,
            is_discovering=mdns,
            interfaces=("127.0.0.1",),
        )
        agent = Agent(settings, inventory=OneCamera(), clock=clock, services={})
        self.agents.append(agent)
        await agent.start()
        return agent

    async def remove(self, agent: Agent) -> None:
        self.agents.remove(agent)
        await agent.close()


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(tmp_path)
    yield fleet
    for agent in list(fleet.agents):
        await fleet.remove(agent)


async def until(agent: Agent, holds: Callable[[Agent], bool]) -> None:
    """Wait for the agent's view to change until the condition holds."""
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    try:
        async with asyncio.timeout(WAIT_S):
            while not holds(agent):
                await changed.wait()
                changed.clear()
    finally:
        end()


def sees(*names: str) -> Callable[[Agent], bool]:
    return lambda agent: {view.name for view in agent.nodes() if view.is_alive} == set(names)


async def test_nodes_that_share_one_seed_all_know_each_other_and_their_hardware(
    fleet: Fleet,
) -> None:
    hub = await fleet.add("hub")
    for name in ("left", "right"):
        await fleet.add(name, seeds=hub.addresses)

    for agent in fleet.agents:
        await until(agent, sees("hub", "left", "right"))
        await until(agent, lambda a: all(CAMERA in view.devices for view in a.nodes()))
        await until(agent, lambda a: all(view.resources for view in a.nodes()))


async def test_nodes_find_each_other_by_multicast_dns(fleet: Fleet) -> None:
    left = await fleet.add("left", mdns=True)
    right = await fleet.add("right", mdns=True)

    await until(left, sees("left", "right"))
    await until(right, sees("left", "right"))


async def test_a_node_that_leaves_is_gone_and_rejoins_from_memory(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    box = await fleet.add("box", seeds=hub.addresses)
    await until(hub, sees("hub", "box"))
    await until(box, sees("hub", "box"))

    await fleet.remove(box)
    await until(hub, sees("hub"))
    again = await fleet.add("box")

    await until(again, sees("hub", "box"))
    await until(hub, sees("hub", "box"))


async def test_a_node_that_was_dialled_remembers_the_addresses_that_the_ledger_told_it(
    fleet: Fleet,
) -> None:
    box = await fleet.add("box")
    hub = await fleet.add("hub", seeds=box.addresses)
    await until(box, sees("hub", "box"))
    await fleet.remove(box)
    await until(hub, sees("hub"))

    again = await fleet.add("box")

    await until(again, sees("hub", "box"))


async def test_a_box_that_booted_in_1970_joins_once_its_clock_is_set(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    clock = BootedClock()
    box = await fleet.add("box", seeds=hub.addresses, clock=clock)
    await until(hub, lambda a: len(a.nodes()) == 2)
    assert [view.name for view in box.nodes()] == ["box"]

    clock.is_set = True

    await until(box, sees("hub", "box"))
    await until(hub, sees("hub", "box"))


async def test_a_lasting_fact_outlives_the_stop_and_the_restart_of_its_node(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    box = await fleet.add("box", seeds=hub.addresses)
    box.publish("deployment/1", {"n": 1}, lasting=True)
    box.publish("passing", True)
    await until(hub, lambda a: bool(a.facts("deployment/")) and bool(a.facts("passing")))

    await fleet.remove(box)
    await until(hub, sees("hub"))
    assert [fact.value for fact in hub.facts("deployment/")] == [{"n": 1}]
    assert hub.facts("passing") == []

    again = await fleet.add("box", seeds=hub.addresses)
    epoch_before = hub.facts("deployment/")[0].epoch
    await until(hub, lambda a: a.facts("deployment/")[0].epoch > epoch_before)
    again.publish("deployment/1", None, lasting=True)
    await until(hub, lambda a: a.facts("deployment/") == [])


async def test_a_request_crosses_links_and_a_large_body_takes_the_bulk_connection(
    fleet: Fleet,
) -> None:
    async def echo(message: Message) -> Reply:
        return Reply(message.headers, message.body)

    hub = await fleet.add("hub")
    box = await fleet.add("box", seeds=hub.addresses)
    await until(hub, sees("hub", "box"))
    await until(box, sees("hub", "box"))
    for one, other in ((hub, box), (box, hub)):
        other.answer("echo", echo)
        for _ in range(3):
            body = (bytes(3_000_000),)
            answer = await one.request(other.node_id, "echo", {"n": 1}, body, priority=2)
            assert (answer.headers, bytes(answer.body[0])) == ({"n": 1}, body[0])


async def test_an_address_in_use_is_one_clear_error(fleet: Fleet, tmp_path: Path) -> None:
    hub = await fleet.add("hub")
    settings = AgentSettings(tmp_path / "hub", listen=hub.addresses, is_discovering=False)
    second = Agent(settings, inventory=OneCamera(), services={})

    with pytest.raises(ConfigError, match=r"cannot listen there.*another port"):
        await second.start()

    await second.close()


async def test_status_tells_of_links_of_drops_and_of_clocks_that_are_ahead(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    box = await fleet.add("box", seeds=hub.addresses)
    await until(box, sees("hub", "box"))
    await until(box, lambda agent: len(agent.facts("links")) == 2)
    box._core.counters["queue_full"] += 2
    box._core.clocks_ahead[hub.node_id] = 75.0

    status: Any = box.calls()["status"]({})

    (link,) = status["links"]
    assert (link["name"], link["address"], link["dialled"]) == ("hub", hub.addresses[0], True)
    assert (link["cost"], link["bulk_queued_bytes"]) == (1.0, None)
    assert abs(link["since_s"] - time.time()) < WAIT_S
    assert status["dropped"]["queue_full"] == 2
    assert status["late_s"] >= status["late_worst_s"] >= 0.0
    (ahead,) = status["clocks_ahead"]
    assert (ahead["name"], ahead["ahead_s"]) == ("hub", 75.0)

    def says_its_links(agent: Agent) -> bool:
        own: Any = agent.calls()["facts"]({})
        return set(own) >= {"node", "links"}

    await until(box, says_its_links)


async def changes(agent: Agent, after: int = -1) -> dict[str, Any]:
    answer: Any = agent.calls()["changes"]({"after": after})
    return dict(await answer)


async def test_who_waits_for_a_change_hears_of_it_and_sees_equal_ledgers(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    before = await changes(hub)
    waiting = asyncio.ensure_future(changes(hub, before["count"]))

    box = await fleet.add("box", seeds=hub.addresses)

    at_hub, at_box = await waiting, await changes(box)
    assert at_hub["count"] > before["count"]
    async with asyncio.timeout(WAIT_S):
        while at_hub["ledger"] != at_box["ledger"]:
            at_hub = await changes(hub, at_hub["count"])
            at_box = await changes(box)
    assert at_hub["ledger"] != before["ledger"]


async def test_a_full_node_refuses_further_lasting_facts_and_starts_again(fleet: Fleet) -> None:
    box = await fleet.add("box")
    for number in range(LASTING_FACTS_MAX):
        box.publish(f"deployment/{number}", {"number": number}, lasting=True)

    with pytest.raises(LocalProtocolError, match="as many as it may"):
        box.publish("deployment/one-more", {"number": -1}, lasting=True)
    await box.kept()
    await fleet.remove(box)
    again = await fleet.add("box")

    assert len(again.facts("deployment/")) == LASTING_FACTS_MAX
    assert [view.name for view in again.nodes()] == ["box"]


async def test_lasting_facts_and_peers_are_on_the_disk_after_close(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    box = await fleet.add("box", seeds=hub.addresses)
    await until(box, sees("hub", "box"))
    box.publish("deployment/1", 1, lasting=True)
    await fleet.remove(box)

    memory = NodeMemory(box.folder)
    assert memory.lasting_facts() == {"deployment/1": 1}
    assert hub.addresses[0] in memory.peers()[hub.node_id]


async def test_addresses_of_a_node_that_was_given_up_are_forgotten(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "COLLECT_AFTER_S", 0.0)
    hub = await fleet.add("hub")
    box = await fleet.add("box", seeds=hub.addresses)
    await until(hub, sees("hub", "box"))
    await fleet.remove(box)
    await until(hub, sees("hub"))
    await asyncio.to_thread(hub._memory.kept)
    assert box.node_id in hub._memory.peers()  # it has left, and may come back

    hub._driver.post(DaySaid(int(hub.wall() // DAY_S) + LIFE_DAYS + 1))
    await until(hub, lambda a: [view.id for view in a.nodes()] == [hub.node_id])
    await fleet.remove(hub)

    assert NodeMemory(hub.folder).peers() == {}


async def test_a_closed_node_dials_no_more(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    leaf = await fleet.add("leaf", seeds=hub.addresses)
    await until(leaf, sees("hub", "leaf"))

    await fleet.remove(leaf)
    for effect in (Dial(hub.node_id, hub.addresses), SetTimer("tick", 0.0)):
        leaf._driver._carry_out(effect)  # the end of its links may well lead to these

    assert (leaf._driver._timers, leaf._driver._dials) == ({}, set())


async def test_a_closing_node_takes_no_message(fleet: Fleet) -> None:
    hub = await fleet.add("hub")
    leaf = await fleet.add("leaf")
    got: list[Message] = []
    leaf.on_message("notes", got.append)
    records_received, came = leaf._driver.records_received, asyncio.Event()

    def receive(nonce: str, records: list[Record]) -> None:
        records_received(nonce, records)
        if any(record[KIND] == Kind.DATA for record in records):
            came.set()

    leaf._driver.records_received = receive  # type: ignore[method-assign]
    await leaf._driver.stop()
    await hub._links.dial(leaf.addresses, leaf.node_id)  # it still listens
    (link,) = hub._links.up()
    headers: dict[str, Value] = {"t": "notes", "h": {}}
    frame = DataFrame(Kind.DATA, hub.node_id, leaf.node_id, 1, headers=headers, body=(b"1",))
    hub._driver._plane.transmit(link.nonce, frame)
    hub._driver._flush()
    async with asyncio.timeout(WAIT_S):
        await came.wait()

    assert got == []
