from __future__ import annotations

from random import Random

import pytest

from cantor.base.ids import NodeId
from cantor.ledger.facts import Fact, pack_facts
from cantor.ledger.ledger import Ledger
from cantor.ledger.share import FACTS_PER_OWNER_MAX
from cantor.mesh.core import MeshCore
from cantor.mesh.effects import (
    CloseLink,
    Dial,
    Effect,
    NodeAlive,
    NodeDead,
    RoutesChanged,
    SetTimer,
    Transmit,
)
from cantor.mesh.events import (
    DialFailed,
    LinkDown,
    LinkUp,
    PeerSeen,
    Received,
    Started,
    TimerFired,
    Traffic,
)
from cantor.mesh.graph import read_links
from cantor.mesh.links import BEAT_ACTIVE_S, BEAT_IDLE_S
from cantor.mesh.settings import MeshSettings
from cantor.wire import DataFrame, Kind

A, B, C = NodeId("a" * 32), NodeId("b" * 32), NodeId("c" * 32)


def core(*, is_trusting: bool = False) -> MeshCore:
    def verify(owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
        return is_trusting and bool(owner and data) and not signature + certificate

    ledger = Ledger(A, epoch=1, sign=lambda _: b"", certificate=b"", verify=verify)
    return MeshCore(A, "m", ledger, Random(1))  # noqa: S311


def test_a_peer_of_this_mesh_is_dialled_once_and_again_after_a_pause() -> None:
    node = core()
    seen = PeerSeen(B, "m", ("h:1",))
    assert dials(node.handle(seen, 0.0)) == []
    assert node.handle(TimerFired("tick"), 0.02)[0] == Dial(B, ("h:1",))
    assert dials(node.handle(seen, 0.03) + node.handle(TimerFired("tick"), 0.1)) == []
    node.handle(DialFailed(B), 0.1)
    assert dials(node.handle(TimerFired("tick"), 0.2)) == []
    assert dials(node.handle(TimerFired("tick"), 0.6)) == [B]


def test_a_neighbour_whose_address_is_learnt_later_is_not_dialled() -> None:
    node = core()
    node.handle(LinkUp(B, "n", dialled=False), 0.0)
    effects = node.handle(PeerSeen(B, "m", ("h:1",)), 0.1)
    assert not [effect for effect in effects if isinstance(effect, Dial)]


def test_a_node_of_another_mesh_is_ignored() -> None:
    assert core().handle(PeerSeen(B, "other", ("h:1",)), 0.0) == []


def test_of_two_simultaneous_dials_that_of_the_lower_node_id_stays() -> None:
    node = core()
    node.handle(LinkUp(B, "mine", dialled=True), 0.0)
    effects = node.handle(LinkUp(B, "theirs", dialled=False), 0.0)
    assert effects == [CloseLink(B, "theirs", "another link took its place")]


def test_a_neighbour_lives_with_its_link_and_dies_with_it() -> None:
    node = core()
    assert NodeAlive(B) in node.handle(LinkUp(B, "n", dialled=True), 0.0)
    assert NodeDead(B) in node.handle(LinkDown(B, "n"), 1.0)


def test_forged_facts_close_the_link_they_came_over() -> None:
    node = core()
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    frame = DataFrame(Kind.FACTS, B, A, headers={"owners": [B]}, body=(b"", b"", b""))
    effects = node.handle(Received(B, frame), 0.1)
    assert any(isinstance(effect, CloseLink) for effect in effects)


def test_who_passes_on_more_than_an_owners_share_is_not_to_blame_but_the_owner_is() -> None:
    ledger = Ledger(A, epoch=1, sign=lambda _: b"", certificate=b"", verify=lambda *_: True)
    node = MeshCore(A, "m", ledger, Random(1))  # noqa: S311
    for peer in (B, C):
        node.handle(LinkUp(peer, f"n{peer}", dialled=True), 0.0)

    def say(peer: NodeId, number: int) -> list[CloseLink]:
        facts = [Fact(B, f"{number}-{n}", 1, 1, 1) for n in range(FACTS_PER_OWNER_MAX)]
        body = (pack_facts(facts), b"%d" % number, b"")
        frame = DataFrame(Kind.FACTS, peer, A, headers={"owners": [B]}, body=body)
        effects = node.handle(Received(peer, frame), 0.1)
        return [effect for effect in effects if isinstance(effect, CloseLink)]

    assert say(C, 1) == []
    assert say(C, 2) == []  # C had room for these, because B has told it no others
    assert node.counters["facts_over_share"] == 1
    assert ledger.get(B, "1-0") == 1
    assert ledger.get(B, "2-0") is None
    assert [effect.peer for effect in say(B, 3)] == [B]


def test_the_data_plane_is_told_of_the_link_that_stays() -> None:
    node = core()
    (told,) = [
        effect
        for effect in node.handle(LinkUp(B, "mine", dialled=True), 0.0)
        if isinstance(effect, RoutesChanged)
    ]
    assert told == RoutesChanged({B: "mine"}, {B: (B,)}, frozenset({B}))
    assert not [
        effect
        for effect in node.handle(LinkUp(B, "theirs", dialled=False), 0.0)
        if isinstance(effect, RoutesChanged)
    ]


def test_data_that_came_from_a_neighbour_proves_that_it_lives() -> None:
    node = core()
    node.handle(Started(), 0.0)
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    for step in range(1, 40):
        node.handle(Traffic(frozenset({B}), frozenset({B})), step / 10)
        effects = node.handle(TimerFired("tick"), step / 10)
        assert not [effect for effect in effects if isinstance(effect, CloseLink)]


def beats(node: MeshCore, start: float, seconds: float) -> int:
    """How many heartbeats ``node`` sends while its peer keeps talking."""
    count = 0
    for step in range(1, round(seconds * 10) + 1):
        now = start + step / 10
        node.handle(Received(B, DataFrame(Kind.HEARTBEAT, B, A)), now)
        effects = node.handle(TimerFired("tick"), now)
        count += heartbeats(effects)
    return count


def heartbeats(effects: list[Effect]) -> int:
    """How many heartbeats are sent."""
    return sum(isinstance(e, Transmit) and e.frame.kind == Kind.HEARTBEAT for e in effects)


def test_an_idle_link_beats_every_500_ms_and_one_with_data_every_200_ms() -> None:
    node = core()
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    assert 9 <= beats(node, 0.0, 5.0) <= 11
    node.handle(Traffic(frozenset(), frozenset({B})), 5.0)
    assert 23 <= beats(node, 5.0, 5.0) <= 26


def test_the_higher_node_answers_heartbeats_instead_of_sending_its_own() -> None:
    node, leader = core(), NodeId("0" * 32)
    node.handle(LinkUp(leader, "n", dialled=True), 0.0)
    sent = {"answers": 0, "others": 0}
    for step in range(1, 1000):
        now = step / 100
        effects = node.handle(TimerFired("tick"), now)
        sent["others"] += heartbeats(effects)
        if step % 50 == 25:
            beat = DataFrame(Kind.HEARTBEAT, leader, A, headers={"beat_ms": 500})
            sent["answers"] += heartbeats(node.handle(Received(leader, beat), now))
    assert sent["answers"] >= 18
    assert sent["others"] <= 2


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("every_ms", [100, 150, 190, 450])
def test_the_lower_node_hears_the_higher_in_time_however_often_it_beats(
    every_ms: int, *, is_active: bool
) -> None:
    node, leader = core(), NodeId("0" * 32)
    node.handle(LinkUp(leader, "n", dialled=True), 0.0)
    sent_at, longest_s = 0.0, 0.0
    for step in range(1, 500):
        now = step / 100
        if is_active:
            node.handle(Traffic(frozenset(), frozenset({leader})), now)
        effects = node.handle(TimerFired("tick"), now)
        if step * 10 % every_ms == 0:
            beat = DataFrame(Kind.HEARTBEAT, leader, A, headers={"beat_ms": 200})
            effects += node.handle(Received(leader, beat), now)
        if heartbeats(effects):
            longest_s, sent_at = max(longest_s, now - sent_at), now
    assert longest_s < (2 * BEAT_ACTIVE_S if is_active else 2 * BEAT_IDLE_S)
    assert sent_at > 4.0


def test_a_node_that_stood_still_for_2_s_declares_nobody_dead() -> None:
    node = core()
    node.handle(Started(), 0.0)
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    beats(node, 0.0, 1.0)
    effects = node.handle(TimerFired("tick"), 3.1)
    assert not [e for e in effects if isinstance(e, NodeDead | CloseLink)]
    later = [e for step in range(40) for e in node.handle(TimerFired("tick"), 3.2 + step / 10)]
    assert NodeDead(B) in later


@pytest.mark.parametrize(("ahead_s", "is_kept"), [(59, True), (62, False), (10**6, False)])
def test_a_stamp_over_60_s_ahead_is_refused_and_the_link_stays(ahead_s: int, is_kept: bool) -> None:
    node = core(is_trusting=True)
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    data = pack_facts([Fact(C, "x", 1, 1, (1000 * ahead_s) << 16)])
    frame = DataFrame(Kind.FACTS, B, A, headers={"owners": [C]}, body=(data, b"", b""))
    effects = node.handle(Received(B, frame), 0.1)
    assert not any(isinstance(effect, CloseLink) for effect in effects)
    assert node.ledger.get(C, "x") == (1 if is_kept else None)
    assert node.counters["facts_ahead"] == (0 if is_kept else 1)


def test_a_clock_that_was_set_takes_the_stamps_it_refused_before() -> None:
    node = core(is_trusting=True)
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    data = pack_facts([Fact(C, "x", 1, 1, 10**9 << 16)])
    frame = DataFrame(Kind.FACTS, B, A, headers={"owners": [C]}, body=(data, b"", b""))
    node.handle(Received(B, frame), 0.1)
    node.wall_offset_s = 1e6
    node.handle(Received(B, frame), 0.2)
    assert node.ledger.get(C, "x") == 1


def facts_of(owner: NodeId, name: str, hlc: int) -> DataFrame:
    data = pack_facts([Fact(owner, name, 1, 1, hlc)])
    return DataFrame(Kind.FACTS, owner, A, headers={"owners": [owner]}, body=(data, b"", b""))


def test_who_is_ahead_and_by_how_much_is_kept_until_its_clock_is_right() -> None:
    node = core(is_trusting=True)
    node.handle(LinkUp(B, "n", dialled=True), 10.0)
    node.handle(Received(B, facts_of(B, "x", 100_000 << 16)), 10.0)
    assert node.clocks_ahead == {B: 90.0}
    assert node.counters["facts_ahead"] == 1
    node.handle(Received(B, facts_of(B, "x", 20_000 << 16)), 10.0)
    assert node.clocks_ahead == {}
    assert [link.peer for link in node.links] == [B]


def test_a_dial_that_fails_while_the_peer_has_dialled_leads_to_no_other() -> None:
    node = core()
    node.handle(PeerSeen(B, "m", ("h:1",)), 0.0)
    assert dials(node.handle(TimerFired("tick"), 0.1)) == [B]
    node.handle(LinkUp(B, "n", dialled=False), 1.0)
    later = node.handle(DialFailed(B), 3.0) + node.handle(TimerFired("tick"), 9.0)
    assert dials(later) == []


def silence(node: MeshCore, start: float, seconds: float, *systems: NodeId) -> list[Effect]:
    """What ``node`` does while nobody says a word, but for the systems that acknowledge."""
    found = []
    for step in range(1, round(seconds * 20) + 1):
        now = start + step / 20
        node.handle(Traffic(frozenset(), frozenset(), frozenset(systems)), now)
        found += node.handle(TimerFired("tick"), now)
    return found


@pytest.mark.parametrize("is_acknowledged", [True, False])
def test_a_peer_that_goes_silent_is_dialled_at_once_by_who_dialled_it_before(
    *, is_acknowledged: bool
) -> None:
    node = core()
    node.handle(Started(), 0.0)
    node.handle(PeerSeen(B, "m", ("h:1", "h:2")), 0.0)
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    beats(node, 0.0, 1.0)
    systems = (B,) if is_acknowledged else ()
    assert dials(silence(node, 1.0, 1.5, *systems)) == []
    effects = silence(node, 2.5, 0.15, *systems)
    assert dials(effects) == [B]
    assert is_acknowledged != any(isinstance(effect, CloseLink) for effect in effects)
    effects = node.handle(LinkUp(B, "new", dialled=True), 2.7)
    assert [link.nonce for link in node.links] == ["new"]
    assert is_acknowledged == (CloseLink(B, "n", "another link took its place") in effects)
    assert dials(silence(node, 2.7, 1.0)) == []


def test_a_silent_link_gives_way_to_the_one_that_its_peer_dials() -> None:
    node = core()
    node.handle(Started(), 0.0)
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    beats(node, 0.0, 1.0)
    assert not [e for e in silence(node, 1.0, 1.65, B) if isinstance(e, CloseLink)]
    effects = node.handle(LinkUp(B, "theirs", dialled=False), 2.7)
    assert CloseLink(B, "n", "another link took its place") in effects
    assert [link.nonce for link in node.links] == ["theirs"]


def links_of(node: NodeId, peers: list[NodeId], hlc: int) -> DataFrame:
    """What a node says of its links."""
    data = pack_facts([Fact(node, "links", [[peer, 1.0] for peer in peers], 1, hlc)])
    body = (data, b"", b"")
    return DataFrame(Kind.FACTS, node, A, headers={"owners": [node]}, body=body)


def with_links(count: int, far: NodeId) -> MeshCore:
    """A node with so many links; the first peer says that it has one with ``far``, which agrees."""
    node = core(is_trusting=True)
    node.handle(Started(), 0.0)
    peers = [NodeId(f"{number:032x}") for number in range(count)]
    for peer in peers:
        node.handle(LinkUp(peer, f"to {peer}", dialled=True), 0.0)
    node.handle(Received(peers[0], links_of(far, [peers[0]], 1)), 0.1)
    node.handle(Received(peers[0], links_of(peers[0], [A, far], 1)), 0.1)
    node.handle(TimerFired("tick"), 0.6)
    assert far in node.alive
    return node


def test_a_node_that_is_late_again_and_again_still_finds_out_who_is_gone() -> None:
    node = core()
    effects = node.handle(LinkUp(B, "n", dialled=True), 0.0)
    late, now = 0, 0.0
    while not any(isinstance(effect, CloseLink) for effect in effects):
        now = next(e.at for e in reversed(effects) if isinstance(e, SetTimer)) + 0.15
        late += 1
        assert now < 1.6 + 0.15 * late + 0.1
        effects = node.handle(TimerFired("tick"), now)
    assert now >= 1.5


@pytest.mark.parametrize(("links", "is_closed"), [(3, False), (4, True)])
def test_who_was_dialled_apart_and_is_reached_meanwhile_is_let_go_by_who_has_enough(
    links: int, *, is_closed: bool
) -> None:
    node = with_links(links, C)
    effects = node.handle(LinkUp(C, "late", dialled=True), 0.7)
    assert is_closed == any(isinstance(effect, CloseLink) for effect in effects)


def test_a_peer_with_few_links_is_let_in_by_who_has_enough() -> None:
    node = with_links(4, C)  # C has one
    effects = node.handle(LinkUp(C, "late", dialled=False), 0.7)
    assert not [effect for effect in effects if isinstance(effect, CloseLink)]


def test_the_loss_of_a_link_is_said_at_once_however_much_was_said_before() -> None:
    node = core()
    node.handle(Started(), 0.0)
    said: list[tuple[float, tuple[int, int]]] = [(0.0, node.ledger.stamp(A, "links"))]
    now = 0.0
    while len(said) < 5:  # a new link each 0.1 s, so that the pauses grow
        node.handle(LinkUp(NodeId(f"{round(now * 10):032x}"), f"at {now}", dialled=True), now)
        node.handle(TimerFired("tick"), now + 0.05)
        if node.ledger.stamp(A, "links") > said[-1][1]:
            said.append((now + 0.05, node.ledger.stamp(A, "links")))
        now += 0.1
    assert said[-1][0] - said[-2][0] > 0.3
    now = said[-1][0] + 0.12
    node.handle(LinkDown(NodeId(f"{1:032x}"), f"at {0.1}"), now)
    node.handle(TimerFired("tick"), now)
    assert node.ledger.stamp(A, "links") > said[-1][1]


def dials(effects: list[Effect]) -> list[NodeId]:
    return [effect.node for effect in effects if isinstance(effect, Dial)]


def named(node: NodeId, name: str, hlc: int) -> DataFrame:
    """What a node says of itself."""
    data = pack_facts([Fact(node, "node", {"name": name}, 1, hlc)])
    body = (data, hlc.to_bytes(2, "big"), b"")
    return DataFrame(Kind.FACTS, node, A, headers={"owners": [node]}, body=body)


def test_links_weigh_what_their_nodes_are_given_by_id_or_by_a_name_learnt_later() -> None:
    ledger = Ledger(A, epoch=1, sign=lambda _: b"", certificate=b"", verify=lambda *_: True)
    settings = MeshSettings(weights={B: 3.0, "gate": 4.0})
    node = MeshCore(A, "m", ledger, Random(1), settings=settings)  # noqa: S311
    for peer in (B, C):
        node.handle(LinkUp(peer, f"to {peer}", dialled=False, cost=2.0), 0.0)
    assert [link.cost for link in node.links] == [6.0, 2.0]

    node.handle(Received(C, named(C, "gate", 1)), 1.0)
    assert [link.cost for link in node.links] == [6.0, 8.0]
    node.handle(TimerFired("tick"), 1.2)
    assert read_links(node.ledger.get(A, "links")) == {B: 6.0, C: 8.0}

    node.handle(Received(C, named(C, "door", 2)), 2.0)
    assert [link.cost for link in node.links] == [6.0, 2.0]
