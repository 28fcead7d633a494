"""What the mesh hears of a service: what lasts and what is news, not each step on the way."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cantor.node.push.boxes import IDS

from cantor.node.fake import FakeMesh
from cantor.node.push import telling
from cantor.node.push.telling import PASSING_S, Telling
from cantor.services.orders import Key, Stamp
from cantor.services.reports import BAD, GOOD, PASSING, STATES, Report, report_fact, report_from

if TYPE_CHECKING:
    from cantor.services.reports import State
    from cantor.wire.frame import Value

KEY, OTHER = Key("default", "counter"), Key("default", "other")
STAMP = Stamp(1, IDS[0])
WAIT_S = 20.0


class HandClock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return self.now_s


class Teller:
    """A node that tells, and what its mesh has heard."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.looks = 0
        self.looked = asyncio.Event()
        self.published: list[object] = []
        self._mesh = FakeMesh()
        self._node = self._mesh.add(IDS[0], folder, clock=self.clock)
        self._publish = self._node.publish
        self._node.publish = self._published  # type: ignore[method-assign]
        self.telling = Telling(self._node, self._look)

    def _look(self) -> None:
        self.looks += 1
        self.looked.set()

    def _published(self, name: str, value: Value, *, lasting: bool = False) -> None:
        self.published.append(value)
        self._publish(name, value, lasting=lasting)

    def say(self, state: State | None, key: Key = KEY, why: str = "", number: int = 1) -> None:
        stamp = Stamp(number, IDS[0])
        self.telling.say(key, Report(stamp, state, why=why) if state else None)

    def heard(self, key: Key = KEY) -> Report | None:
        fact = self._mesh.held.get((IDS[0], report_fact(key)))
        return None if fact is None or fact.value is None else report_from(fact.value)

    def state(self, key: Key = KEY) -> str:
        heard = self.heard(key)
        return heard.state if heard else ""


@pytest.fixture
async def teller(tmp_path: Path) -> Teller:
    return Teller(tmp_path)


async def test_steps_on_the_way_are_not_told_and_what_comes_of_them_is(teller: Teller) -> None:
    for state in PASSING:
        teller.say(cast("State", state))
        teller.clock.now_s += PASSING_S / 10
        assert teller.state() == ""

    teller.say("trial")

    assert teller.state() == "trial"
    teller.telling.close()


async def test_who_is_on_the_way_for_long_tells_each_step(teller: Teller) -> None:
    teller.say("fetching", why="nobody has it")
    teller.clock.now_s += PASSING_S
    teller.say("fetching", why="nobody has it")
    assert (teller.state(), teller.heard().why) == ("fetching", "nobody has it")  # type: ignore[union-attr]

    teller.say("starting")
    assert teller.state() == "starting"
    teller.telling.close()


async def test_the_time_begins_anew_with_each_way(teller: Teller) -> None:
    teller.say("starting")
    teller.say("running")
    teller.clock.now_s += 2 * PASSING_S

    teller.say("starting", number=2)

    assert teller.state() == "running"
    teller.telling.close()


async def test_it_is_looked_at_again_when_a_state_has_lasted(
    teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PASSING_S", 0.01)
    teller.say("fetching")
    teller.say("waiting", OTHER)
    assert teller.looks == 0

    async with asyncio.timeout(WAIT_S):
        await teller.looked.wait()

    assert teller.looks == 1, "one look is for all services"
    teller.clock.now_s += 0.01
    teller.say("fetching")
    teller.say("waiting", OTHER)
    assert (teller.state(), teller.state(OTHER)) == ("fetching", "waiting")


async def test_it_is_not_looked_at_again_after_the_end(
    teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PASSING_S", 0.01)
    teller.say("fetching")

    teller.telling.close()

    await asyncio.sleep(0.05)
    assert teller.looks == 0


async def test_the_time_of_a_state_is_when_it_began(teller: Teller) -> None:
    teller.say("starting")
    teller.clock.now_s += PASSING_S
    teller.say("starting")
    assert teller.heard().since == 1000.0  # type: ignore[union-attr]

    teller.clock.now_s += 5
    teller.say("running")
    teller.clock.now_s += 5
    teller.say("running", why="of another kind")
    assert teller.heard().since == 1000.0 + PASSING_S + 5  # type: ignore[union-attr]
    teller.telling.close()


async def test_what_is_no_more_is_withdrawn(teller: Teller) -> None:
    teller.say("running")
    teller.say("running", OTHER)

    teller.say(None)
    teller.say(None)

    assert (teller.state(), teller.state(OTHER)) == ("", "running")


@given(states=st.lists(st.sampled_from(STATES), max_size=30))
def test_nothing_that_stays_is_held_back_and_nothing_is_told_twice(states: list[State]) -> None:
    async def tell() -> None:
        teller = Teller(Path())
        for state in states:
            teller.say(state)
            if state in (*GOOD, *BAD) or state not in PASSING:
                assert teller.state() == state
        assert all(one != other for one, other in pairwise(teller.published))
        teller.telling.close()

    asyncio.run(tell())
