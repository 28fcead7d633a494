from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.statements import StatementReader, make_statement
from cantor.ledger.days import DAY_S
from cantor.ledger.facts import Fact
from cantor.node.fake import FakeMesh, FakeNode
from cantor.node.lifecycle import days
from cantor.node.lifecycle.days import DAY, Days

A, B = NodeId("a" * 32), NodeId("b" * 32)
TODAY = 20_000


class SetClock:
    """Clocks that a test sets."""

    def __init__(self) -> None:
        self.steady_s = 0.0
        self.wall_s = TODAY * DAY_S + 1.0

    def monotonic(self) -> float:
        return self.steady_s

    def wall(self) -> float:
        return self.wall_s


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("plant", now=datetime.fromtimestamp(TODAY * DAY_S, UTC))


def stamp(wall_s: float) -> int:
    return int(wall_s * 1000) << 16


def node_on(mesh: FakeMesh, folder: Path) -> tuple[FakeNode, SetClock]:
    """The issuer A in a mesh where B has just said something."""
    clock = SetClock()
    node = mesh.add(A, folder, clock=clock)
    mesh.add(B, folder)
    for key, fact in mesh.held.items():
        mesh.held[key] = fact._replace(hlc=stamp(clock.wall_s), lasting=False)
    return node, clock


def test_an_issuer_says_a_new_day_once_and_every_node_begins_it(
    tmp_path: Path, authority: Authority
) -> None:
    mesh = FakeMesh()
    node, clock = node_on(mesh, tmp_path)
    reader = StatementReader("plant", authority.root_pem)
    begun: list[int] = []
    issuing = Days(node, reader, authority=authority, begun=begun.append)
    other = Days(node, reader, authority=None, begun=begun.append)
    other.look()
    assert (A, DAY) not in mesh.held

    issuing.look()
    said = mesh.held.pop((A, DAY))._replace(hlc=stamp(clock.wall_s))
    assert DAY in node.lasting
    for who in (issuing, other, other):
        who.heard(said)
    assert begun == [TODAY, TODAY]
    clock.steady_s += days.LOOK_EVERY_S
    issuing.look()
    assert (A, DAY) not in mesh.held

    clock.wall_s += 400 * DAY_S  # set by hand: nobody else says so
    clock.steady_s += days.LOOK_EVERY_S
    issuing.look()
    assert (A, DAY) not in mesh.held


@pytest.mark.parametrize("value", [b"", 20_000, None, {"day": 20_000}])
def test_what_no_authority_signed_begins_no_day(value: object, authority: Authority) -> None:
    begun: list[int] = []
    fact = Fact(B, DAY, value, 1, stamp(TODAY * DAY_S))  # type: ignore[arg-type]
    heard(authority, begun, fact)
    assert begun == []


@pytest.mark.parametrize("day", [TODAY + 1, 10 * TODAY, "x"])
def test_a_day_after_its_own_stamp_has_not_begun(day: object, authority: Authority) -> None:
    begun: list[int] = []
    statement = make_statement(authority, DAY, {"day": day}, TODAY * DAY_S)  # type: ignore[dict-item]
    heard(authority, begun, Fact(B, DAY, statement.packed, 1, stamp(TODAY * DAY_S)))
    assert begun == []


def heard(authority: Authority, begun: list[int], fact: Fact) -> None:
    reader = StatementReader("plant", authority.root_pem)
    node = FakeMesh().add(A, Path("unused"))
    Days(node, reader, authority=None, begun=begun.append).heard(fact)
