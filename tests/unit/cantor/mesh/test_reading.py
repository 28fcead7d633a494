"""What facts cost that do not hold: a neighbour can have so many checked, and no more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.facts import Fact, UnvouchedError, pack_facts
from cantor.ledger.ledger import Ledger
from cantor.mesh.reading import FactReader
from cantor.mesh.verify_quota import FAILED_AT_ONCE, FAILED_PER_S
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from cantor.ledger.facts import Batch

A, B, C = (NodeId(letter * 32) for letter in "abc")
MANY = 5000


class Verifier:
    """Believes a signature by what it says, and counts how often it is asked."""

    def __init__(self) -> None:
        self.checks = 0

    def __call__(self, owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
        self.checks += 1
        if signature == b"unvouched":
            raise UnvouchedError
        return signature == b"true"


class Reading:
    """The reader of A, and what it has taken."""

    def __init__(self) -> None:
        self.verifier = Verifier()
        self.ledger = Ledger(
            A, epoch=1, sign=lambda _: b"true", certificate=b"", verify=self.verifier
        )
        self.counters: Counter[str] = Counter()
        self.reader = FactReader(self.ledger, self.counters, 1000.0)

    def hear(self, neighbour: NodeId, owners: list[NodeId], word: bytes, now: float) -> int:
        """Facts of these owners come from a neighbour; how many are new."""
        batches: list[Batch] = []
        facts: list[Fact] = []
        body = tuple(
            part
            for owner in owners
            for part in (pack_facts([Fact(owner, "x", 1, 1, 1)]), word, b"certificate")
        )
        frame = DataFrame(Kind.FACTS, neighbour, A, headers={"owners": [*owners]}, body=body)
        self.reader.read(frame, now, batches, facts)
        return len(facts)


def owners(count: int, first: int = 0) -> list[NodeId]:
    return [NodeId(f"{number:032x}") for number in range(first, first + count)]


def test_a_flood_of_facts_that_do_not_hold_is_checked_no_more_and_others_bring_the_true_ones() -> (
    None
):
    node = Reading()
    assert node.hear(B, owners(MANY), b"unvouched", 1.0) == 0
    assert node.verifier.checks == node.counters["facts_unvouched"] == FAILED_AT_ONCE
    assert node.counters["verify_over_quota"] == MANY - FAILED_AT_ONCE

    assert node.hear(B, owners(8), b"true", 1.0) == 0
    assert node.hear(C, owners(8), b"true", 1.0) == 8

    node.hear(B, owners(MANY, 8), b"unvouched", 3.0)
    assert node.counters["facts_unvouched"] == FAILED_AT_ONCE + 2 * FAILED_PER_S
    assert node.hear(B, owners(100, MANY), b"true", 4.0) == 100  # and again from then on
    assert node.reader.quota.take_spent() == [B]
    assert node.reader.quota.take_spent() == []


def test_what_holds_takes_nothing_of_the_quota() -> None:
    node = Reading()
    assert node.hear(B, owners(2000), b"true", 1.0) == 2000
    assert node.counters == {}


def test_forged_facts_still_end_the_link_and_count() -> None:
    node = Reading()
    for _ in range(int(FAILED_AT_ONCE)):
        with pytest.raises(RemoteProtocolError, match="forged"):
            node.hear(B, owners(1), b"forged", 1.0)
    assert node.hear(B, owners(1), b"forged", 1.0) == 0
    assert node.counters["verify_over_quota"] == 1
