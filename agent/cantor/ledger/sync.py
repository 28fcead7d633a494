"""Anti-entropy between two neighbours: root hash, bucket hashes, keys, then the values.

Each side answers a message with messages: ``root`` with ``buckets`` if the hashes differ,
``buckets`` with the ``keys`` of those that differ, ``keys`` with the batches that are newer here
and a ``want`` for those that are newer there, ``want`` with batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.digests import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.ledger.facts import Batch, Fact
    from cantor.ledger.ledger import Ledger
    from cantor.wire.frame import Value

KEYS_MAX = 2**18
"""More rows than this in one message are refused; buckets that do not fit wait for the next."""


def digest(ledger: Ledger) -> bytes:
    """A hash of everything that a ledger holds: equal ledgers have equal ones."""
    return ledger.digests.root()


def root(ledger: Ledger) -> dict[str, Value]:
    """The message that opens a comparison."""
    return {"step": "root", "hash": digest(ledger)}


def is_root(message: dict[str, Value]) -> bool:
    """Whether a message opens a comparison."""
    return message.get("step") == "root"


def answer(ledger: Ledger, message: dict[str, Value]) -> tuple[list[dict[str, Value]], list[Batch]]:
    """The messages and batches to send back.

    Raises:
        RemoteProtocolError: the message has another shape than its step demands.
    """
    try:
        match message.get("step"):
            case "root":
                return _answer_root(ledger, message["hash"])
            case "buckets":
                return _answer_buckets(ledger, message["hashes"])
            case "keys":
                return _answer_keys(ledger, message["buckets"], message["keys"])
            case "want":
                return [], _batches(
                    ledger, [(NodeId(row[0]), row[1]) for row in _rows(message["keys"])]
                )
            case _:
                return [], []
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RemoteProtocolError(f"a digest of the wrong shape: {error!r}") from error


def _answer_root(ledger: Ledger, theirs: Value) -> tuple[list[dict[str, Value]], list[Batch]]:
    if ledger.digests.root() == theirs:
        return [], []
    return [{"step": "buckets", "hashes": list(ledger.digests.buckets())}], []


def _answer_buckets(ledger: Ledger, theirs: Value) -> tuple[list[dict[str, Value]], list[Batch]]:
    ours = ledger.digests.buckets()
    if not isinstance(theirs, list) or len(theirs) != BUCKETS:
        raise RemoteProtocolError(f"a digest without {BUCKETS} buckets")
    differ = [index for index in range(BUCKETS) if ours[index] != theirs[index]]
    keys: list[Value] = []
    sent: list[Value] = []
    for index in differ:
        facts = _facts_in(ledger, [index])
        rows: list[Value] = [[fact.owner, fact.name, fact.epoch, fact.hlc] for fact in facts]
        if sent and len(keys) + len(rows) > KEYS_MAX:
            break
        keys += rows
        sent.append(index)
    return [{"step": "keys", "buckets": sent, "keys": keys}], []


def _answer_keys(
    ledger: Ledger, buckets: Value, keys: Value
) -> tuple[list[dict[str, Value]], list[Batch]]:
    theirs = {(row[0], row[1]): (row[2], row[3]) for row in _rows(keys)}
    if not isinstance(buckets, list):
        raise RemoteProtocolError("a digest whose buckets are not a list")
    compared = [index for index in range(BUCKETS) if index in buckets]
    newer_here = [
        (fact.owner, fact.name)
        for fact in _facts_in(ledger, compared)
        if fact.stamp > theirs.get((fact.owner, fact.name), (-1, -1))
    ]
    want: list[Value] = [
        [owner, name]
        for (owner, name), stamp in sorted(theirs.items())
        if stamp > ledger.stamp(NodeId(owner), name)
    ]
    return ([{"step": "want", "keys": want}] if want else []), _batches(ledger, newer_here)


def _batches(ledger: Ledger, keys: list[tuple[NodeId, str]]) -> list[Batch]:
    found = [ledger.batch(owner, name) for owner, name in keys]
    return list({id(batch): batch for batch in found if batch is not None}.values())


def _rows(rows: Value) -> list[list[Any]]:
    if not isinstance(rows, list) or len(rows) > KEYS_MAX:
        raise RemoteProtocolError(f"a digest whose keys are not a list of at most {KEYS_MAX}")
    return [row for row in rows if isinstance(row, list)]


def _facts_in(ledger: Ledger, buckets: list[int]) -> Iterator[Fact]:
    for index in buckets:
        for owner in ledger.digests.members(index):
            yield from ledger.facts_of(owner)
