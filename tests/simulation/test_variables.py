"""Global variables keep their promises whatever happens to nodes and to the ways between them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation.variables import FAULTS, Box, World, run_seed

from cantor.base.errors import CantorError, UnavailableError
from cantor.ledger.variables import compare
from cantor.ledger.variables.replica import Limits, Outcome, Replica

if TYPE_CHECKING:
    from cantor.ledger.variables.entry import Entry

SEEDS = 8
DAY_S = 86_400.0
SHORT = Limits(tombstones_s=3600.0)


def settle(world: World, seconds: float = 10.0) -> None:
    world.is_quiet = True
    world.run(world.now + seconds)


def values(box: Box) -> dict[str, bytes]:
    held = box.spreading.replica.entries
    return {name: entry.value for name, entry in held.items() if entry.value is not None}


def halves(world: World) -> tuple[list[Box], list[Box]]:
    """Part the mesh in two; the boxes of the tenant on each side."""
    ids = list(world.boxes)
    first = set(ids[: len(ids) // 2])
    world.part(lambda node: int(node in first))
    own = world.own
    return [b for b in own if b.id not in first], [b for b in own if b.id in first]


def test_nothing_acknowledged_is_lost_and_all_copies_are_equal() -> None:
    fired: Counter[str] = Counter()

    for seed in range(SEEDS):
        fired += run_seed(seed).fired

    assert all(fired[fault] for fault in FAULTS), fired


def test_nothing_acknowledged_is_lost_while_tombstones_are_forgotten() -> None:
    for seed in range(3):
        world = run_seed(seed, is_forgetful=True)

        assert all(box.spreading.replica.horizon for box in world.own)
        entries = [entry for box in world.own for entry in box.spreading.replica.entries.values()]
        assert all(entry.value is not None for entry in entries)


def test_a_seed_gives_the_same_run() -> None:
    first, again, other = run_seed(3), run_seed(3), run_seed(4)

    assert first.digest.hexdigest() == again.digest.hexdigest() != other.digest.hexdigest()


def test_a_change_is_seen_on_a_hundred_nodes_within_a_second() -> None:
    world = World(1, 105, strangers=5)
    settle(world, 2.0)
    for number in range(50):
        world.set(world.own[number * 2], f"v{number}", b"x")
        world.run(world.now + 0.2)
    settle(world, 2.0)

    seen = sorted(world.seen_s)

    assert len(seen) == 50 * 100
    assert seen[int(0.99 * len(seen))] <= 1.0


def test_ten_thousand_names_of_which_two_percent_differ_heal_within_five_seconds() -> None:
    world = World(2, 12)
    for number in range(10_000):
        world.set(world.own[number % 10], f"v{number}", b"x" * 20)
        if number % 100 == 0:
            world.run(world.now + 0.01)
    settle(world)
    world.check()
    one, other = halves(world)
    world.run(world.now + 1.0)
    for number in range(100):
        world.set(one[0], f"v{number}", b"one")
        world.set(other[0], f"v{number + 50}", b"other")
    world.run(world.now + 1.0)
    assert values(one[0]) != values(other[0])

    world.heal()
    world.run(world.now + 5.0)

    world.check()
    assert values(one[0])["v0"] == b"one"
    assert values(one[0])["v120"] == b"other"


def test_a_node_that_was_killed_right_after_the_acknowledgement_brings_the_change_back() -> None:
    world = World(5, 6, strangers=0)
    alone, *others = world.own
    world.part(lambda node: int(node == alone.id))
    settle(world, 1.0)
    entry = world.set(alone, "a", b"1")
    while "a" not in world.acknowledged:
        world.run(world.now + 0.001)
    world.kill(alone, 5.0)
    settle(world, 6.0)
    assert all("a" not in values(box) for box in others)

    world.heal()
    settle(world, 5.0)

    world.check()
    assert entry is not None
    assert others[0].spreading.replica.get("a") == entry


def test_a_setter_that_is_lost_for_ever_takes_nothing_with_it() -> None:
    world = World(6, 6, strangers=0)
    setter, *others = world.own
    settle(world, 1.0)
    world.set(setter, "a", b"1")
    world.run(world.now + 0.5)
    setter.is_gone = True
    world.kill(setter, 1.0)
    for box in others:
        world.kill(box, 3.0)
    settle(world, 10.0)

    assert [values(box) for box in others] == [{"a": b"1"}] * len(others)


def test_a_restart_of_all_nodes_at_once_keeps_all() -> None:
    world = World(7, 6)
    world.set(world.own[0], "a", b"1")
    settle(world, 1.0)
    for box in world.own:
        world.kill(box, 1.0)

    settle(world, 10.0)

    assert [values(box) for box in world.own] == [{"a": b"1"}] * 4
    world.check()


@pytest.mark.parametrize("skew_s", [3600.0, -3600.0])
def test_a_node_whose_clock_is_an_hour_off_refuses_to_set_and_says_why(skew_s: float) -> None:
    world = World(8, 8)
    wrong = world.own[0]
    wrong.skew_s = skew_s
    settle(world, 6.0)

    with pytest.raises(UnavailableError, match="clock is 3600 s"):
        world.set(wrong, "a", b"wrong")

    world.set(world.own[1], "a", b"right")
    settle(world, 20.0)
    assert all(values(box) == {"a": b"right"} for box in world.own if box is not wrong)


def test_what_was_set_by_a_clock_ahead_is_refused_until_that_clock_is_set_right() -> None:
    world = World(9, 8)
    wrong, *others = world.own
    wrong.skew_s = 3600.0
    world.set(wrong, "a", b"early")  # before anybody has said what time it is
    settle(world)
    assert all(values(box) == {} for box in others)
    told = [list(box.spreading.clocks_apart(world.now)) for box in others]
    assert [wrong.id] in told
    assert all(names in ([wrong.id], []) for names in told)

    wrong.skew_s = 0.0
    settle(world)

    assert all(values(box) == {"a": b"early"} for box in world.own)
    world.set(others[0], "a", b"later")
    settle(world)
    assert all(values(box) == {"a": b"later"} for box in world.own)


def test_a_clock_that_was_set_an_hour_back_hinders_nobody() -> None:
    world = World(10, 6)
    world.set(world.own[0], "a", b"1")
    settle(world)
    for box in world.own:
        box.skew_s = -3600.0

    settle(world)
    world.set(world.own[1], "a", b"2")
    settle(world)

    assert [values(box) for box in world.own] == [{"a": b"2"}] * 4


def test_tombstones_are_forgotten_and_what_was_deleted_stays_so() -> None:
    world = World(11, 8, strangers=0, limits=SHORT)
    away, *others = world.own
    for name in ("old", "kept"):
        world.set(others[0], name, b"1")
    settle(world)
    assert set(values(away)) == {"old", "kept"}
    world.kill(away, 2 * 3600.0)
    world.set(others[1], "old", None)
    settle(world, 2 * 3600.0 - 60.0)
    assert all("old" not in box.spreading.replica.entries for box in others)

    settle(world, 120.0)

    assert away.is_alive
    assert [values(box) for box in world.own] == [{"kept": b"1"}] * 8
    assert "old" not in away.disk


def test_a_few_nodes_that_were_apart_for_too_long_take_nothing_from_the_others() -> None:
    """They cannot know what was set meanwhile: that is older than what they have forgotten."""
    world = World(12, 9, strangers=0, limits=SHORT)
    for name in ("a", "b"):
        world.set(world.own[0], name, b"1")
    settle(world)
    few = {box.id for box in world.own[:2]}
    world.part(lambda node: int(node in few))
    settle(world, 1.0)
    world.set(world.own[5], "meanwhile", b"1")
    world.set(world.own[6], "a", None)
    world.set(world.own[0], "b", None)
    settle(world, 3 * 3600.0)

    world.heal()
    settle(world, 60.0)

    assert {tuple(sorted(values(box))) for box in world.own} == {("meanwhile",)}


def test_what_was_deleted_while_a_node_was_away_for_a_while_stays_deleted() -> None:
    world = World(13, 6)
    away, *others = world.own
    world.set(away, "a", b"1")
    settle(world)
    world.kill(away, 600.0)
    world.set(others[0], "a", None)

    settle(world, 700.0)

    assert [values(box) for box in world.own] == [{}] * 4
    world.check()


def take_anything(replica: Replica, entry: Entry, _wall_s: float) -> Outcome:
    """Whatever comes last holds."""
    if replica.entries.get(entry.name) == entry:
        return Outcome.OLD
    replica._put(entry)
    return Outcome.TAKEN


PLANTED: dict[str, tuple[Any, str, Any]] = {
    "comparisons are not answered": (compare, "answer", lambda *_: ([], [])),
    "whatever comes last holds": (Replica, "take", take_anything),
    "disks are not waited for": (World, "_write", lambda *_: None),
}


def find_in_seeds(seeds: int = 10) -> None:
    for seed in range(seeds):
        run_seed(seed)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLANTED[bug])

    with pytest.raises(CantorError):
        find_in_seeds()
