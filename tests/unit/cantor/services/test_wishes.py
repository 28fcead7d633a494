"""What a node does about a service: needs, canaries, and the return that a canary orders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.services.orders import Key, first_order
from cantor.services.reports import Report
from cantor.services.wishes import (
    TOMBSTONE_S,
    canaries_say,
    is_forgotten,
    is_mine_to_copy,
    is_return_of,
    own_return,
    wish,
)

if TYPE_CHECKING:
    from cantor.services.orders import Order
    from cantor.services.reports import State
    from cantor.services.wishes import Wish

A, B, C = (NodeId(sign * 32) for sign in "abc")
NAMES = {A: "ash", B: "birch", C: "cedar"}
ONE, TWO = "1" * 64, "2" * 64
FIRST = first_order(Key("default", "counter"), A, ONE, "", 5.0)
SECOND = replace(FIRST.pushed(A, TWO, "", 6.0), canaries=(B,))


def report(order: Order, state: State, running: int = 0, why: str = "") -> Report:
    return Report(order.revision.stamp, state, running, why)


def wished(order: Order, me: NodeId, **reports: Report) -> Wish:
    named = {node: reports[name] for node, name in NAMES.items() if name in reports}
    return wish(order, me, (), {}, named, NAMES)


def test_a_node_that_meets_the_needs_runs_it_and_others_do_not() -> None:
    order = first_order(FIRST.key, A, ONE, 'Camera == 1 and label.site == "berlin"', 5.0)
    camera = (Resource("Camera", "condition", 1),)

    assert wish(order, B, camera, {"site": "berlin"}, {}, NAMES).revision == order.revision
    told = wish(order, B, camera, {"site": "bonn"}, {}, NAMES)
    assert told.revision is None
    assert "label.site" in told.why
    assert not told.is_waiting


def test_units_that_others_hold_do_not_take_it_away() -> None:
    order = first_order(FIRST.key, A, ONE, "GPU = 1", 5.0)

    assert wish(order, B, (Resource("GPU", "quantity", 1),), {}, {}, NAMES).revision


def test_what_is_stopped_runs_nowhere() -> None:
    assert wished(FIRST.with_wanted(A, "stopped", 6.0), B).revision is None


def test_canaries_go_first_and_others_stay_with_the_revision_before() -> None:
    assert wished(SECOND, B).revision == SECOND.revision

    told = wished(SECOND, C, birch=report(SECOND, "trial", 2))

    assert told.revision == FIRST.revision
    assert told.why == "waits for the canary birch: trial"


def test_when_the_canaries_are_good_all_go() -> None:
    assert wished(SECOND, C, birch=report(SECOND, "running", 2)).revision == SECOND.revision


def test_a_canary_that_has_left_is_not_missed_when_another_node_has_gone_on() -> None:
    assert canaries_say(SECOND, {C: report(SECOND, "running", 2)}, NAMES) == ""
    assert canaries_say(SECOND, {}, NAMES) == "waits for the canary birch"


def test_a_failure_of_a_canary_keeps_all_others() -> None:
    told = wished(SECOND, C, birch=report(SECOND, "returned", 1, "exit code 1"))

    assert told.revision == FIRST.revision
    assert told.why == "it failed on the canary birch: exit code 1"


def test_a_service_that_is_new_waits_for_its_canaries() -> None:
    told = wished(replace(FIRST, canaries=(B,)), C)

    assert (told.revision, told.is_waiting) == (None, True)


def test_the_canary_on_which_it_failed_orders_the_return() -> None:
    failed = report(SECOND, "returned", 1, "exit code 1")

    back = own_return(SECOND, b"signed", failed, B, 9.0, "birch")

    assert back is not None
    assert (back.number, back.by, back.revision.bundle) == (3, B, ONE)
    assert back.why == "revision 2 failed on birch: exit code 1"
    assert back.proof == b"signed"
    assert is_return_of(back, SECOND)


def test_nobody_else_orders_a_return() -> None:
    failed = report(SECOND, "returned", 1)

    assert own_return(SECOND, b"", failed, C, 9.0, "cedar") is None
    assert own_return(SECOND, b"", report(SECOND, "trial", 2), B, 9.0, "birch") is None
    assert own_return(SECOND, b"", report(FIRST, "returned", 1), B, 9.0, "birch") is None
    assert own_return(
        replace(FIRST, canaries=(B,)), b"", report(FIRST, "failing"), B, 9.0, "b"
    ) is (None)


def test_a_return_that_goes_elsewhere_is_none() -> None:
    back = own_return(SECOND, b"signed", report(SECOND, "failed"), B, 9.0, "birch")
    assert back is not None

    for forged in (
        replace(back, by=C),
        replace(back, number=4),
        replace(back, revision=replace(back.revision, bundle=TWO)),
        replace(back, revision=replace(back.revision, needs="GPU = 1")),
        replace(back, canaries=(B,)),
        replace(back, wanted="removed"),
        replace(back, key=Key("default", "other")),
    ):
        assert not is_return_of(forged, SECOND)


def test_the_order_to_remove_is_kept_for_a_week() -> None:
    removed = FIRST.with_wanted(A, "removed", 100.0)

    assert not is_forgotten(removed, 100.0 + TOMBSTONE_S)
    assert is_forgotten(removed, 101.0 + TOMBSTONE_S)
    assert not is_forgotten(FIRST, 1e9)


def test_one_node_makes_the_copy_that_is_missing() -> None:
    alive = frozenset({B, C})

    assert [node for node in (B, C) if is_mine_to_copy({A}, alive, node)] == [B]
    assert not is_mine_to_copy({C}, alive, B)
