from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.scheduling.actors import calling
from cantor.scheduling.actors.calling import Calling, Hearing

if TYPE_CHECKING:
    import pytest

KEEPER, OTHER = NodeId("1" * 32), NodeId("2" * 32)
SHOP = f"{KEEPER}/shop"


def test_calls_of_one_actor_are_numbered_in_a_line() -> None:
    core = Calling()

    assert [core.call(call, KEEPER, 1, SHOP) for call in (7, 8)] == [(1, 0), (1, 1)]
    assert core.call(9, KEEPER, 1, f"{KEEPER}/other") == (2, 0)


def test_what_its_keeper_tells_comes_in_order_and_of_nobody_else() -> None:
    core = Calling()
    core.call(7, KEEPER, 1, SHOP)

    assert core.told(OTHER, 7, 0, "no") == []
    assert core.told(KEEPER, 7, 1, "second") == []
    assert core.told(KEEPER, 7, 0, "first") == ["first", "second"]
    core.ended(7)
    assert core.told(KEEPER, 7, 2, "late") == []


def test_a_lost_keeper_loses_all_calls_and_a_new_line_begins() -> None:
    core = Calling()
    core.call(7, KEEPER, 1, SHOP)
    core.call(8, KEEPER, 1, SHOP)
    core.ended(7)

    assert core.lost(OTHER) == []
    assert core.lost(KEEPER) == [8]
    assert core.call(9, KEEPER, 1, SHOP) == (2, 0)


def test_a_keeper_that_began_anew_has_lost_the_calls_of_its_former_life() -> None:
    core = Calling()
    core.call(7, KEEPER, 1, SHOP)

    assert core.seen(KEEPER, 1) == []
    assert core.seen(OTHER, 2) == []
    assert core.seen(KEEPER, 2) == [7]
    assert core.told(KEEPER, 7, 0, "late") == []


def test_a_line_that_its_keeper_forgot_is_lost_once() -> None:
    core = Calling()
    core.call(7, KEEPER, 1, SHOP)

    assert core.line_lost(OTHER, SHOP, 1) == []
    assert core.line_lost(KEEPER, SHOP, 1) == [7]
    core.call(8, KEEPER, 1, SHOP)
    assert core.line_lost(KEEPER, SHOP, 1) == []


def test_lines_that_nobody_uses_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "LINES_MAX", 1)
    core = Calling()
    core.call(7, KEEPER, 1, SHOP)
    core.ended(7)
    core.call(8, KEEPER, 1, f"{KEEPER}/other")

    assert core.call(9, KEEPER, 1, SHOP) == (3, 0)


def test_a_keeper_hears_calls_in_their_order_by_line() -> None:
    core: Hearing[str] = Hearing()

    assert core.heard(OTHER, 1, SHOP, 1, 1, "second") == []
    assert core.heard(OTHER, 1, SHOP, 1, 0, "first") == ["first", "second"]
    assert core.heard(OTHER, 1, SHOP, 2, 0, "of a new line") == ["of a new line"]
    assert core.heard(OTHER, 1, SHOP, 1, 2, "of a lost line") == []
    assert core.heard(OTHER, 2, SHOP, 1, 0, "of a new life") == ["of a new life"]


def test_what_was_on_a_line_that_is_lost_never_begins() -> None:
    core: Hearing[str] = Hearing()
    core.heard(OTHER, 1, SHOP, 1, 1, "second")

    assert core.gone(OTHER) == [(SHOP, 1, 1)]
    assert core.gone(OTHER) == []
    assert core.heard(OTHER, 1, SHOP, 1, 0, "first") == []
    assert core.heard(OTHER, 1, SHOP, 2, 0, "again") == ["again"]


def test_an_actor_that_has_ended_is_forgotten() -> None:
    core: Hearing[str] = Hearing()
    core.heard(OTHER, 1, SHOP, 1, 0, "first")
    core.heard(OTHER, 1, SHOP, 1, 2, "third")

    assert core.forget(SHOP) == [(OTHER, 1, "third")]
    assert core.gone(OTHER) == []
