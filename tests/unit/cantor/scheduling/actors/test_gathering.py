from __future__ import annotations

import heapq
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from cantor.scheduling.actors.gathering import HOLD_S, Ask, Gathering, GiveBack, Go

if TYPE_CHECKING:
    from cantor.scheduling.actors.gathering import Effect


def begun(size: int = 2) -> Gathering:
    core = Gathering(size, float)
    core.tick(0.0)
    return core


def test_all_are_asked_for_at_once_and_go_when_all_are_ready() -> None:
    core = Gathering(2, lambda _: 1.0)

    assert core.tick(0.0) == [Ask(0, 1), Ask(1, 1)]
    assert core.ready(1, 1, 1.0) == []
    assert core.ready(1, 1, 1.0) == []  # said twice
    assert core.ready(0, 1, 2.0) == [Go(1)]
    assert core.is_over
    assert core.tick(100.0) == core.lost(0, 1, 3.0) == []


def test_who_holds_a_part_for_long_gives_it_back_and_begins_a_new_round() -> None:
    core = begun()
    assert core.tick(1000.0) == []  # nothing is held
    core.ready(0, 1, 1000.0)
    assert core.due == 1000.0 + HOLD_S

    assert core.tick(1000.0 + HOLD_S) == [GiveBack(0, 1), GiveBack(1, 1)]
    assert core.ready(1, 1, 1000.0 + HOLD_S) == []  # too late
    assert core.tick(1000.0 + HOLD_S) == []
    assert core.tick(1001.0 + HOLD_S) == [Ask(0, 2), Ask(1, 2)]
    assert core.ready(0, 1, 1002.0 + HOLD_S) == []  # of the round before


def test_one_that_loses_its_place_lets_all_others_give_back_theirs() -> None:
    core = begun(3)
    core.ready(0, 1, 1.0)

    assert core.lost(1, 1, 2.0) == [GiveBack(0, 1), GiveBack(2, 1)]
    assert core.lost(2, 1, 2.0) == []
    assert core.tick(3.0) == [Ask(0, 2), Ask(1, 2), Ask(2, 2)]


def test_one_that_nobody_wants_gives_back_all() -> None:
    core = begun()

    assert core.give_up() == [GiveBack(0, 1), GiveBack(1, 1)]
    assert core.give_up() == core.tick(100.0) == core.ready(0, 1, 1.0) == []


class Owners:
    """Owners of one unit each, and groups that want some of them, all at once, by seed."""

    def __init__(self, seed: int, wants: list[list[int]]) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.now = 0.0
        self.wants = wants
        self.lines: dict[int, list[tuple[int, int, int]]] = {}
        self.held: dict[int, set[int]] = {}
        self.went: list[int] = []
        self._order = count()
        self._later: list[tuple[float, int, tuple[str, int, int, int]]] = []
        self.groups = [
            Gathering(len(one), lambda number: number * (0.5 + self.random.random()))
            for one in wants
        ]

    def at(self, delay_s: float, what: str, group: int, member: int, number: int) -> None:
        happening = (what, group, member, number)
        heapq.heappush(self._later, (self.now + delay_s, next(self._order), happening))

    def run(self) -> None:
        for group in range(len(self.groups)):
            self.at(self.random.random(), "tick", group, 0, 0)
        while self._later and self.now < 600.0:
            self.now, _, (what, group, member, number) = heapq.heappop(self._later)
            core = self.groups[group]
            if what == "tick":
                self.follow(group, core.tick(self.now))
            elif what == "ask":
                self.lines.setdefault(self.wants[group][member], []).append((group, member, number))
                self.serve(self.wants[group][member])
            elif what == "ready":
                self.follow(group, core.ready(member, number, self.now))
            else:  # it gives back its place, or stands in line no more
                owner = self.wants[group][member]
                self.lines[owner] = [
                    one for one in self.lines.get(owner, []) if one != (group, member, number)
                ]
                self.serve(owner)

    def serve(self, owner: int) -> None:
        if self.lines[owner]:
            group, member, number = self.lines[owner][0]
            self.at(0.05 * self.random.random(), "ready", group, member, number)

    def follow(self, group: int, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Ask):
                self.at(0.05, "ask", group, effect.member, effect.round)
            elif isinstance(effect, GiveBack):
                self.at(0.05, "back", group, effect.member, effect.round)
            elif isinstance(effect, Go):
                for member, owner in enumerate(self.wants[group]):
                    assert self.lines[owner][0] == (group, member, effect.round)  # all is held
                    self.at(0.5, "back", group, member, effect.round)
                self.went.append(group)
        if self.groups[group].due < 600.0:
            self.at(max(0.0, self.groups[group].due - self.now), "tick", group, 0, 0)


@given(
    st.integers(0, 1000),
    st.lists(
        st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True), min_size=1, max_size=4
    ),
)
def test_groups_that_want_the_same_all_begin_in_the_end(seed: int, wants: list[list[int]]) -> None:
    owners = Owners(seed, wants)
    owners.run()

    assert sorted(owners.went) == list(range(len(wants)))
