from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.ids import NodeId
from cantor.workers.apart import BUSY_MAX, IDLE_MAX, Apart, Principal
from cantor.workers.errors import PoolClosedError, TooManyPrincipalsError

if TYPE_CHECKING:
    from cantor.workers.pools import Pools

ME = NodeId("0" * 32)


class FakePools:
    def __init__(self) -> None:
        self.open = 0
        self.closed: list[bool] = []

    def close(self, *, kill: bool = False) -> None:
        self.closed.append(kill)


def whose(number: int) -> Principal:
    return Principal(NodeId(f"{number + 1:032x}"), "", "full")


@pytest.fixture
def apart() -> Apart:
    return Apart(ME, lambda _: cast("Pools", FakePools()))


def of(apart: Apart, principal: Principal) -> FakePools:
    return cast("FakePools", apart.of(principal))


def test_each_principal_has_its_own_and_keeps_it(apart: Apart) -> None:
    node = whose(0).node
    principals = [whose(0), whose(1), Principal(node, "", "net"), Principal(node, ME, "full")]
    found = [of(apart, one) for one in principals]

    assert len(set(map(id, found))) == 4
    assert [of(apart, one) for one in principals] == found


def test_the_longest_idle_make_room_but_not_this_boxs_own(apart: Apart) -> None:
    own = of(apart, Principal(ME, "", "none"))
    found = [of(apart, whose(number)) for number in range(IDLE_MAX)]
    of(apart, whose(0))  # the next is idle for longest

    of(apart, whose(IDLE_MAX))
    apart.close()

    assert found[1].closed == [False]
    assert own.closed == found[0].closed == [False]  # by the end of all
    assert of_new_fails(apart)


def test_no_more_than_a_bound_are_busy_at_once(apart: Apart) -> None:
    for number in range(BUSY_MAX):
        of(apart, whose(number)).open = 1

    with pytest.raises(TooManyPrincipalsError):
        apart.of(whose(BUSY_MAX))

    of(apart, whose(0)).open = 0
    assert of(apart, whose(BUSY_MAX)).closed == []


def test_all_end_with_it(apart: Apart) -> None:
    found = of(apart, whose(0))

    apart.close(kill=True)

    assert found.closed == [True]


def of_new_fails(apart: Apart) -> bool:
    with pytest.raises(PoolClosedError):
        apart.of(whose(99))
    return True
