from __future__ import annotations

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.scheduling.actors.names import Named, Names, keeper_of, registrar

DESK, WALL, ROOF = (NodeId(f"{number}" * 32) for number in range(3))
LIVES = {DESK: 1, WALL: 1, ROOF: 1}


def named(node: NodeId, since_ms: int = 1000, life: int = 1) -> Named:
    return Named(since_ms, f"{node}/{life}-x", "Shop", "buy sell", 0, 2)


def test_of_two_who_want_a_name_one_gets_it() -> None:
    names = Names()

    assert names.claim(DESK, "shop", named(DESK)) == named(DESK)
    assert names.claim(WALL, "shop", named(WALL, 1)) == named(DESK)
    assert names.claim(DESK, "shop", named(DESK)) == named(DESK)  # asked again
    assert names.holder("shop") == named(DESK)


def test_a_name_is_free_when_its_actor_has_ended() -> None:
    names = Names()
    names.claim(DESK, "shop", named(DESK))
    names.released(WALL, "shop", named(DESK).address)
    assert names.holder("shop") == named(DESK)

    names.released(DESK, "shop", named(DESK).address)
    assert names.holder("shop") is None


def test_what_keepers_say_counts_while_they_can_be_reached_in_that_life() -> None:
    names = Names()
    names.heard({DESK: {"shop": named(DESK)}}, LIVES)
    assert names.holder("shop") == named(DESK)
    assert names.claim(WALL, "shop", named(WALL)) == named(DESK)

    names.heard({DESK: {"shop": named(DESK)}}, {WALL: 1})
    assert names.holder("shop") is None
    names.heard({DESK: {"shop": named(DESK)}}, {DESK: 2})
    assert names.holder("shop") is None
    names.heard({DESK: {"shop": named(DESK)}}, {DESK: 0})  # its life is not known yet
    assert names.holder("shop") == named(DESK)


def test_a_name_that_was_given_is_forgotten_with_its_keeper() -> None:
    names = Names()
    names.claim(DESK, "shop", named(DESK))
    names.heard({}, LIVES)
    assert names.holder("shop") == named(DESK)  # it has not said so yet

    names.heard({}, {WALL: 1})
    assert names.holder("shop") is None


def test_when_parts_come_together_the_older_one_stays() -> None:
    old, young = named(DESK, 1000), named(WALL, 2000)
    on_wall, on_desk = Names(), Names()
    on_wall.heard({DESK: {"shop": old}}, LIVES)
    on_desk.heard({WALL: {"shop": young}}, LIVES)

    assert on_wall.beaten({"shop": young}) == ["shop"]
    assert on_desk.beaten({"shop": old}) == []


def test_all_who_see_the_same_nodes_ask_the_same_one() -> None:
    names = [f"name {number}" for number in range(100)]

    assert all(registrar(one, [DESK, WALL, ROOF]) == registrar(one, [ROOF, WALL, DESK])
               for one in names)  # fmt: skip
    assert {registrar(one, [DESK, WALL, ROOF]) for one in names} == {DESK, WALL, ROOF}


def test_it_travels() -> None:
    assert Named.from_value(named(DESK).as_value()) == named(DESK)


def test_an_address_says_who_keeps_the_actor_and_in_which_life() -> None:
    assert keeper_of(named(WALL, life=3).address) == (WALL, 3)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [1, "a/1-x", "b", "c", 0],
        [True, "a/1-x", "b", "c", 0, 0],
        [1, "a/1-x", "b" * 5000, "c", 0, 0],
        [1, "a/x-1", "b", "c", 0, 0],
        [1, "/1-x", "b", "c", 0, 0],
        [1, f"a/{'1' * 21}-x", "b", "c", 0, 0],
    ],
)
def test_what_is_odd_is_refused(value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        Named.from_value(value)
