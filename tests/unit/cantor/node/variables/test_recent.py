"""The order of changes, for those who watch at their own pace."""

from __future__ import annotations

import asyncio

from cantor.base.ids import NodeId
from cantor.ledger.variables.entry import Entry, make_entry
from cantor.node.variables.recent import REMEMBERED, Recent

ASH = NodeId("a" * 32)


def entry(name: str, at: int = 1) -> Entry:
    return make_entry(name, at, ASH, b"x")


def test_a_name_that_changes_twice_comes_once_and_last() -> None:
    recent = Recent()
    for name in ("a", "b", "a"):
        recent.changed([entry(name)])

    assert recent.since(0, "") == [(2, "b"), (3, "a")]
    assert recent.since(2, "") == [(3, "a")]
    assert recent.since(3, "") == []
    assert recent.since(0, "b") == [(2, "b")]


def test_what_was_passed_over_is_counted() -> None:
    recent = Recent()
    for name in ("a", "b", "a", "a"):
        recent.changed([entry(name)])

    assert recent.passed_over(0) == {"a": 2}
    assert recent.passed_over(2) == {"a": 1}
    assert recent.passed_over(4) == {}


def test_one_who_never_looks_costs_no_more_than_what_is_there() -> None:
    recent = Recent()
    for _ in range(3 * REMEMBERED):
        recent.changed([entry("a")])

    assert recent.since(0, "") == [(3 * REMEMBERED, "a")]
    assert recent.passed_over(0) == {"a": REMEMBERED - 1}
    assert len(recent._last) == REMEMBERED


def test_what_was_here_before_comes_in_the_order_in_which_it_was_set() -> None:
    recent = Recent()
    recent.begin({"a": entry("a", 2), "b": entry("b", 1)})

    assert recent.since(0, "") == [(1, "b"), (2, "a")]
    assert recent.passed_over(0) == {}


def test_what_is_forgotten_does_not_come() -> None:
    recent = Recent()
    recent.changed([entry("a"), entry("b")])

    recent.gone(["a", "never"])

    assert recent.since(0, "") == [(2, "b")]


async def test_who_waits_is_woken_by_a_change_and_by_the_end() -> None:
    recent = Recent()
    waiting = asyncio.ensure_future(recent.wait())
    await asyncio.sleep(0)
    recent.changed([entry("a")])
    await waiting
    waiting = asyncio.ensure_future(recent.wait())
    await asyncio.sleep(0)
    recent.close()
    await waiting
    await recent.wait()
