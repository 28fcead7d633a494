"""Anti-entropy between two neighbours: root hash, bucket hashes, keys, then the values.

Each side answers a message with messages: ``root`` with ``buckets`` if the hashes differ,
``buckets`` with the ``keys`` of those that differ, ``keys`` with the batches that are newer here
and a ``want`` for those that are newer there, ``want`` with batches.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId

if TYPE_CHECKING:
    from cantor.ledger.facts import Batch
    from cantor.ledger.ledger import Ledger
    from cantor.wire.frame import Value

BUCKETS = 64


def digest(ledger: Ledger) -> bytes:
    """A hash of everything that a ledger holds: equal ledgers have equal ones."""
    return _hash(_hashes(ledger))


def root(ledger: Ledger) -> dict[str, Value]:
    """The message that opens a comparison."""
    return {"step": "root", "hash": digest(ledger)}


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
    hashes = _hashes(ledger)
    same = _hash(hashes) == theirs
    return ([] if same else [{"step": "buckets", "hashes": list(hashes)}]), []


def _answer_buckets(ledger: Ledger, theirs: Value) -> tuple[list[dict[str, Value]], list[Batch]]:
    ours = _hashes(ledger)
    if not isinstance(theirs, list) or len(theirs) != BUCKETS:
        raise RemoteProtocolError(f"a digest without {BUCKETS} buckets")
    differ: list[Value] = [index for index in range(BUCKETS) if ours[index] != theirs[index]]
    keys: list[Value] = [row for row in _keys(ledger) if _bucket(row[0]) in differ]
    return [{"step": "keys", "buckets": differ, "keys": keys}], []


def _answer_keys(
    ledger: Ledger, buckets: Value, keys: Value
) -> tuple[list[dict[str, Value]], list[Batch]]:
    theirs = {(row[0], row[1]): (row[2], row[3]) for row in _rows(keys)}
    compared = set(buckets) if isinstance(buckets, list) else set()
    newer_here = [
        (fact.owner, fact.name)
        for fact in ledger.all_facts()
        if _bucket(fact.owner) in compared
        and fact.stamp > theirs.get((fact.owner, fact.name), (-1, -1))
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
    if not isinstance(rows, list):
        raise RemoteProtocolError("a digest whose keys are not a list")
    return [row for row in rows if isinstance(row, list)]


def _keys(ledger: Ledger) -> list[list[Value]]:
    return [[fact.owner, fact.name, fact.epoch, fact.hlc] for fact in ledger.all_facts()]


def _hashes(ledger: Ledger) -> list[bytes]:
    buckets: list[list[bytes]] = [[] for _ in range(BUCKETS)]
    for owner, owner_hash in ledger.hashes():
        buckets[_bucket(owner)].append(owner_hash)
    return [_hash(hashes) if hashes else b"" for hashes in buckets]


def _bucket(owner: Value) -> int:
    return int(str(owner)[:2], 16) % BUCKETS


def _hash(hashes: list[bytes]) -> bytes:
    return hashlib.sha256(b"".join(hashes)).digest()[:16]
