"""How closed the code of an order runs, by who is named in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cantor.base.ids import NodeId
from cantor.identity.words import Word
from cantor.node.push.levels import level_of
from cantor.node.sandboxes import Sandboxes
from cantor.services.orders import KIND, Key, first_order
from cantor.workers.sandbox.rules import Rules

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.services.orders import Order

ME, PUSHER, CANARY, OTHER = (NodeId(f"{number:02d}" * 16) for number in range(4))


class Words:
    """Reads every word as one of a node, and counts."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.reads = 0

    def read(self, *_: object) -> Word:
        self.reads += 1
        return Word(KIND, self._order.by, "default", self._order.content())


def returned() -> tuple[Order, Order]:
    """What failed, and the order of a canary to return from it."""
    first = first_order(Key("default", "counter"), PUSHER, "1" * 64, "", 1.0)
    failed = first.pushed(OTHER, "2" * 64, "", 2.0)
    return failed, failed.returned(CANARY, first.revision, 3.0, "no", b"the order that failed")


def test_whose_word_failed_counts_where_that_can_close_it_more(tmp_path: Path) -> None:
    failed, order = returned()
    for rules, level, reads in (
        (Rules(), "full", 0),
        (Rules(others="net"), "net", 1),
        (Rules(others="none", nodes={OTHER: "net"}), "net", 1),
        (Rules(others="none", nodes={CANARY: "full"}), "full", 0),
        (Rules(others="none"), "none", 1),
    ):
        words = Words(failed)
        node: Any = SimpleNamespace(sandboxes=Sandboxes(ME, tmp_path, rules), words=words)
        assert level_of(node, order, order.revision, ()) == level, rules
        assert words.reads == reads, rules
