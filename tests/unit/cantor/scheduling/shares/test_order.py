"""Projects at one owner: who is granted next, limits, and what is taken back."""

from __future__ import annotations

import itertools

import pytest

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.scheduling.grants.events import Effect, Tell, Tick, Write, Written
from cantor.scheduling.grants.grantor import Grantor
from cantor.scheduling.grants.records import (
    Answer,
    Granted,
    Key,
    Refused,
    Release,
    Reserve,
    Waiting,
    WantedBack,
)
from cantor.scheduling.grants.stock import Have
from cantor.scheduling.needs import parse
from cantor.scheduling.shares.accounts import Accounts
from cantor.scheduling.shares.order import AGING_S, FairOrder
from cantor.scheduling.shares.reclaim import GRACE_S, TENURE_S
from cantor.scheduling.shares.terms import Terms
from cantor.scheduling.shares.uses import Told, Use

ME, OTHER = NodeId("a" * 32), NodeId("b" * 32)
TERMS = {
    "vision": Terms(3),
    "lab": Terms(1),
    "first": Terms(1, priority=1),
    "small": Terms(1, limits={"GPU": 1}),
    "urgent": Terms(1, priority=2),
    "few": Terms(1, limits={"GPU": 2}),
}


class Owner:
    """A node with GPUs on whose disk everything is at once."""

    def __init__(self, gpus: int, *, pool: int = 0) -> None:
        self.now = 0.0
        self.accounts = Accounts(TERMS.__getitem__, 0.0)
        self.accounts.totals = {"GPU": pool or gpus}
        order = FairOrder(ME, self.accounts, lambda _, project: project)
        self.grantor = Grantor(ME, 1, 0.0, order=order)
        self.names = itertools.count()
        self.do(Tick())
        self.do(Have((Resource("GPU", "quantity", gpus),), {}, {}))

    def do(self, event: object) -> list[Answer]:
        return self.told(self.grantor.handle(event, self.now))  # type: ignore[arg-type]

    def told(self, effects: list[Effect]) -> list[Answer]:
        answers = [effect.answer for effect in effects if isinstance(effect, Tell)]
        numbers = [effect.number for effect in effects if isinstance(effect, Write)]
        return answers + (self.do(Written(max(numbers))) if numbers else [])

    def ask(
        self, project: str, needs: str = "GPU = 1", *, priority: int = 0, may_reclaim: bool = False
    ) -> tuple[Key, list[Answer]]:
        key = Key(f"{project} {next(self.names)}", 1)
        asked = Reserve(
            key, ME, parse(needs), self.now, priority=priority, project=project,
            may_reclaim=may_reclaim,
        )  # fmt: skip
        return key, self.do(asked)

    def ask_many(self, project: str, count: int, *, may_reclaim: bool = False) -> list[Key]:
        return [self.ask(project, may_reclaim=may_reclaim)[0] for _ in range(count)]

    def free(self, *keys: Key) -> list[str]:
        """Give these back; which projects have got something for it."""
        answers = [answer for key in keys for answer in self.do(Release(key, ME))]
        return [one.lease.project for one in answers if isinstance(one, Granted)]

    def after(self, seconds: float) -> list[Answer]:
        self.now += seconds
        return self.do(Tick())


def wanted(answers: list[Answer]) -> list[str]:
    return [one.key.task for one in answers if isinstance(one, WantedBack)]


def test_units_that_are_free_at_once_are_divided_by_shares() -> None:
    owner = Owner(8)
    held = owner.ask_many("vision", 8)
    owner.ask_many("vision", 8)
    owner.ask_many("lab", 8)
    got = owner.free(*held)
    assert sorted(got) == ["lab"] * 2 + ["vision"] * 6


def test_one_unit_is_divided_in_time() -> None:
    owner = Owner(1)
    used = {"vision": 0, "lab": 0}
    (held,) = owner.ask_many("lab", 1)
    for project in used:
        owner.ask_many(project, 90)
    for _ in range(80):
        owner.now += 1.0
        waiting = {one.key for one in owner.grantor.waiting}
        (got,) = owner.free(held)
        used[got] += 1
        (held,) = waiting - {one.key for one in owner.grantor.waiting}
    assert abs(used["lab"] - 20) <= 1


def test_a_higher_priority_of_the_project_goes_first_and_who_waits_long_rises() -> None:
    owner = Owner(1)
    (held,) = owner.ask_many("lab", 1)
    owner.ask_many("lab", 1)
    owner.ask_many("first", 3)
    assert owner.free(held) == ["first"]
    owner.after(AGING_S)
    held = owner.grantor.leases[0].key
    assert owner.free(held) == ["lab"]


def test_within_a_project_the_unit_with_the_higher_priority_goes_first() -> None:
    owner = Owner(1)
    (held,) = owner.ask_many("lab", 1)
    owner.ask("lab", priority=0)
    urgent, _ = owner.ask("lab", priority=2)
    owner.free(held)
    assert [lease.key for lease in owner.grantor.leases] == [urgent]


def test_a_limit_is_not_passed_and_who_is_at_it_stands_in_nobodys_way() -> None:
    owner = Owner(4)
    owner.ask_many("small", 1)
    _, answers = owner.ask("small")
    assert [type(one) for one in answers] == [Waiting]
    assert "project small holds 1 of its 1 GPU" in str(answers)
    _, answers = owner.ask("small", "GPU = 2")
    assert [type(one) for one in answers] == [Refused]
    assert "project small may hold 1 GPU at most" in str(answers)
    owner.ask_many("lab", 3)
    assert len(owner.grantor.leases) == 4


def test_what_others_have_told_counts_towards_a_limit() -> None:
    owner = Owner(4)
    owner.accounts.told(OTHER, Told(1, {"small": Use({"GPU": 1})}), 0.0)
    owner.ask_many("small", 1)
    assert owner.grantor.leases == []
    owner.accounts.told(OTHER, Told(1, {"small": Use()}), 0.0)
    owner.after(1.0)
    assert len(owner.grantor.leases) == 1


def test_lent_units_come_back_after_the_grace_up_to_the_share() -> None:
    owner = Owner(8)
    owner.ask_many("vision", 8, may_reclaim=True)
    owner.now = 10.0
    owner.ask_many("lab", 8)
    assert wanted(owner.after(GRACE_S - 0.1)) == []
    back = wanted(owner.after(0.2))
    assert len(back) == 2
    assert all(name.startswith("vision") for name in back)
    assert owner.free(*(Key(name, 1) for name in back)) == ["lab", "lab"]
    assert wanted(owner.after(GRACE_S)) == []


def test_work_that_may_not_be_ended_or_has_just_begun_is_left_alone() -> None:
    owner = Owner(4)
    held = owner.ask_many("vision", 4)
    owner.now = 10.0
    owner.ask_many("lab", 2)
    owner.ask_many("vision", 4, may_reclaim=True)
    owner.now = 12.9
    owner.free(*held[:3])
    assert wanted(owner.after(GRACE_S - 0.1)) == []


def test_what_is_asked_back_is_not_renewed_but_asked_back_again() -> None:
    owner = Owner(4)
    held = owner.ask_many("vision", 4, may_reclaim=True)
    owner.now = 10.0
    owner.ask_many("lab", 1)
    (back,) = wanted(owner.after(GRACE_S))
    again = Reserve(Key(back, 1), ME, parse("GPU = 1"), owner.now, project="vision")
    assert wanted(owner.do(again)) == [back]
    other = next(key for key in held if key.task != back)
    again = Reserve(other, ME, parse("GPU = 1"), owner.now, project="vision")
    assert [type(one) for one in owner.do(again)] == [Granted]


@pytest.mark.parametrize(("project", "waiting", "asked"), [
    ("lab", 4, ["GPU = 1"] * 4),  # it is owed two
    ("few", 2, ["GPU = 2"]),  # it may have two
])  # fmt: skip
def test_two_nodes_take_back_together_what_a_project_is_owed_and_may_have(
    project: str, waiting: int, asked: list[str]
) -> None:
    """Each has four GPUs, all lent to vision."""
    taken = 0
    for me, other in ((ME, OTHER), (OTHER, ME)):
        owner = Owner(4, pool=8)
        owner.grantor.order._me = me  # type: ignore[attr-defined]
        owner.ask_many("vision", 4, may_reclaim=True)
        use = {
            "vision": Use({"GPU": 4}, {}, {}, {"GPU": 4}),
            project: Use({}, {}, {"GPU": waiting}),
        }
        owner.accounts.told(other, Told(1, use), 0.0)
        owner.now = 10.0
        for needs in asked:
            owner.ask(project, needs)
        taken += len(wanted(owner.after(GRACE_S)))
    assert taken == 2


def test_who_is_owed_less_than_a_unit_gets_one_in_turn() -> None:
    owner = Owner(1)
    owner.ask_many("vision", 1, may_reclaim=True)
    owner.now = 1.0
    owner.ask_many("lab", 1, may_reclaim=True)
    assert wanted(owner.after(GRACE_S)) == []
    (back,) = wanted(owner.after(TENURE_S))
    assert owner.free(Key(back, 1)) == ["lab"]


def test_who_wants_several_units_is_not_passed_over_for_ever_by_who_is_at_its_limit() -> None:
    owner = Owner(2)
    owner.ask_many("small", 20)
    wants, _ = owner.ask("vision", "GPU = 2")
    for _ in range(8):
        owner.now += 1.0
        owner.free(owner.grantor.leases[0].key)
        if owner.grantor.holds(wants):
            return
    raise AssertionError("it never got them")


def test_who_wants_several_units_is_not_passed_over_for_ever_by_who_is_owed_more() -> None:
    owner = Owner(2, pool=32)
    elsewhere = {"lab": Use({"GPU": 8}), "few": Use({"GPU": 1})}
    owner.accounts.told(OTHER, Told(1, elsewhere), 0.0)
    owner.ask_many("few", 100)
    wants, _ = owner.ask("lab", "GPU = 2")
    for second in range(int(AGING_S) + 8):
        owner.now += 1.0
        owner.free(owner.grantor.leases[0].key)
        if owner.grantor.holds(wants):
            assert second > 8  # else it proves nothing
            return
    raise AssertionError("it never got them")


def test_who_has_stood_long_does_not_stand_in_the_way_of_a_higher_priority() -> None:
    owner = Owner(2)
    long, short = owner.ask_many("vision", 2)
    wants, _ = owner.ask("lab", "GPU = 2")
    owner.after(AGING_S)
    owner.ask("urgent")
    assert owner.free(short) == ["urgent"]
    assert owner.free(long) == []
    assert owner.free(next(one.key for one in owner.grantor.leases)) == ["lab"]
    assert owner.grantor.holds(wants)
