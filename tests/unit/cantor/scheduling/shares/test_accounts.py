from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.ids import NodeId
from cantor.scheduling.shares.accounts import Accounts
from cantor.scheduling.shares.terms import Terms
from cantor.scheduling.shares.uses import Told, Use

OTHER = NodeId("b" * 32)
TERMS = {"vision": Terms(3), "lab": Terms(1)}


def accounts(gpus: int = 4) -> Accounts:
    made = Accounts(TERMS.__getitem__, 0.0)
    made.totals = {"GPU": gpus}
    return made


def test_who_holds_more_than_its_share_is_behind() -> None:
    here = accounts()
    here.took("vision", {"GPU": 3}, 0.0)
    here.took("lab", {"GPU": 1}, 0.0)
    here.waits("lab", {"GPU": 1}, 0.0)
    here.advance(5.0)
    assert here.ahead_s("vision") == pytest.approx(here.ahead_s("lab"))
    here.gave("vision", {"GPU": 1}, 5.0)
    here.took("lab", {"GPU": 1}, 5.0)
    assert here.ahead_s("vision") < here.ahead_s("lab")


def test_what_nobody_waits_for_costs_nothing() -> None:
    here = accounts()
    here.took("vision", {"GPU": 4}, 0.0)
    here.took("lab", {"Camera": 1}, 0.0)
    here.advance(100.0)
    assert here.ahead_s("vision") == here.ahead_s("lab")


def test_who_had_no_work_is_owed_nothing_when_it_comes() -> None:
    here = accounts()
    here.took("vision", {"GPU": 4}, 0.0)
    here.waits("vision", {"GPU": 1}, 0.0)
    here.advance(100.0)
    here.waits("lab", {"GPU": 1}, 100.0)
    assert here.virtual_s("lab") == pytest.approx(here.virtual_s("vision"))


def test_an_old_debt_is_forgotten() -> None:
    here = accounts()
    here.took("vision", {"GPU": 4}, 0.0)
    here.waits("lab", {"GPU": 1}, 0.0)
    here.advance(10.0)
    owed_s = here.virtual_s("vision") - here.virtual_s("lab")
    here.gave("vision", {"GPU": 1}, 10.0)
    here.took("lab", {"GPU": 1}, 10.0)
    here.advance(60.0)
    left_s = here.virtual_s("vision") - here.virtual_s("lab")
    assert owed_s > 1.0
    assert 0 <= left_s < owed_s / 50


def test_the_scarcest_quantity_that_is_waited_for_counts() -> None:
    here = accounts()
    here.totals = {"GPU": 4, "Memory": 100}
    here.waits("lab", {"GPU": 1, "Memory": 10}, 0.0)
    assert here.part({"GPU": 1, "Memory": 50}) == 0.5
    assert here.part({"GPU": 2, "Memory": 10, "Camera": 1}) == 0.5


@given(st.lists(st.tuples(st.floats(0.01, 2.0), st.integers(0, 4)), max_size=20))
def test_what_another_node_tells_counts_as_if_it_were_here(
    changes: list[tuple[float, int]],
) -> None:
    """Its word comes after each change only; what was reckoned wrong meanwhile is put right."""
    here, there = accounts(), accounts()
    for one in (here, there):
        one.waits("lab", {"GPU": 1}, 0.0)
        one.waits("vision", {"GPU": 1}, 0.0)
    now, spent = 0.0, 0.0
    here.told(OTHER, Told(1, {}), now)
    for passed_s, count in changes:
        there.took("vision", {"GPU": count}, now)
        now += passed_s
        spent += count * passed_s
        there.gave("vision", {"GPU": count}, now)
        here.told(OTHER, Told(1, {"vision": Use({}, {"GPU": spent})}), now)
    behind = [one.virtual_s("vision") - one.virtual_s("lab") for one in (here, there)]
    assert behind[0] == pytest.approx(behind[1], rel=0.25, abs=1e-9)


def test_a_node_that_cannot_be_reached_or_begins_anew_charges_nothing() -> None:
    here = accounts()
    here.waits("lab", {"GPU": 1}, 0.0)
    here.waits("vision", {"GPU": 1}, 0.0)
    here.told(OTHER, Told(1, {"vision": Use({"GPU": 2}, {"GPU": 1000.0})}), 0.0)
    here.told(OTHER, None, 0.0)
    assert here.held("vision") == {}
    here.told(OTHER, Told(1, {"vision": Use({}, {"GPU": 5000.0})}), 0.0)
    here.told(OTHER, Told(2, {"vision": Use({}, {"GPU": 9000.0})}), 0.0)
    assert here.ahead_s("vision") == here.ahead_s("lab")


def test_what_this_node_tells_is_what_was_held_over_time() -> None:
    here = accounts()
    here.took("vision", {"GPU": 2}, 1.0)
    here.gave("vision", {"GPU": 1}, 4.0)
    told = here.own_told(9, 6.0)
    assert told.epoch == 9
    assert told.uses["vision"].held == {"GPU": 1}
    assert told.uses["vision"].spent == {"GPU": 2 * 3 + 1 * 2}


@pytest.mark.parametrize("odd", [2.0**62, 2**62, 2.0**62 - 2.0**10])
def test_what_a_node_says_that_no_machine_has_is_forgotten_with_it(odd: float) -> None:
    here = accounts()
    here.took("vision", {"GPU": 0.5}, 0.0)
    use = Use(held={"GPU": odd}, waiting={"GPU": odd})
    here.told(OTHER, Told(1, {"vision": use}), 1.0)
    here.took("vision", {"GPU": 1}, 1.0)
    here.waits("lab", {"GPU": 0.25}, 1.0)
    here.gave("vision", {"GPU": 0.5}, 1.0)
    assert here.held("vision")["GPU"] >= odd

    here.told(OTHER, None, 2.0)

    assert here.held("vision") == {"GPU": 1}
    assert here.waiting("lab") == {"GPU": 0.25}
    assert here.part({"GPU": 1}) == 0.25
    here.gave("vision", {"GPU": 1}, 2.0)
    here.left("lab", {"GPU": 0.25}, 2.0)
    assert (here.held("vision"), here.waiting("lab"), here.active) == ({}, {}, [])
