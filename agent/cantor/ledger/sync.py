"""Anti-entropy between two neighbours: root hash, bucket hashes, owners, keys, then the values.

Each side answers a message with messages: ``root`` with ``buckets`` if the hashes differ,
``buckets`` with a short hash for each of the ``owners`` in those that differ, ``owners`` with the
``keys`` of the owners that differ and the batches of those that are not in it, ``keys`` with the
batches that are newer here and a ``want`` for those that are newer there, ``want`` with batches. So
one fact that differs among those of 1000 owners costs about 2 kB before it is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.digests import BUCKETS

if TYPE_CHECKING:
    from cantor.ledger.facts import Batch
    from cantor.ledger.ledger import Ledger
    from cantor.wire.frame import Value

KEYS_MAX = 2**14
"""More rows than this in one message are refused; owners that do not fit wait for the next.

With the longest names they just fit into the headers of one frame.
"""
SHORT_BYTES = 8


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
            case "owners":
                return _answer_owners(ledger, message["buckets"], message["owners"])
            case "keys":
                return _answer_keys(ledger, message["owners"], message["keys"])
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
    owners: list[Value] = [
        [owner, _short(ledger, owner)]
        for index in differ
        for owner in ledger.digests.members(index)
    ]
    return [{"step": "owners", "buckets": list(differ), "owners": owners}], []


def _answer_owners(
    ledger: Ledger, buckets: Value, owners: Value
) -> tuple[list[dict[str, Value]], list[Batch]]:
    """The keys of the owners that differ; and all of those that the other side does not know."""
    if not isinstance(buckets, list):
        raise RemoteProtocolError("a digest whose buckets are not a list")
    theirs = {NodeId(str(row[0])): row[1] for row in _rows(owners)}
    ours = {
        owner
        for index in range(BUCKETS)
        if index in buckets
        for owner in ledger.digests.members(index)
    }
    unknown = [fact for owner in sorted(ours - theirs.keys()) for fact in ledger.facts_of(owner)]
    sent: list[Value] = []
    keys: list[Value] = []
    for owner in sorted(theirs):
        if owner in ours and theirs[owner] == _short(ledger, owner):
            continue
        rows: list[Value] = [[f.owner, f.name, f.epoch, f.hlc] for f in ledger.facts_of(owner)]
        if sent and len(keys) + len(rows) > KEYS_MAX:
            break
        sent.append(owner)
        keys += rows
    messages: list[dict[str, Value]] = (
        [{"step": "keys", "owners": sent, "keys": keys}] if sent else []
    )
    return messages, _batches(ledger, [(fact.owner, fact.name) for fact in unknown])


def _answer_keys(
    ledger: Ledger, owners: Value, keys: Value
) -> tuple[list[dict[str, Value]], list[Batch]]:
    theirs = {(row[0], row[1]): (row[2], row[3]) for row in _rows(keys)}
    if not isinstance(owners, list) or len(owners) > KEYS_MAX:
        raise RemoteProtocolError(f"a digest whose owners are not a list of at most {KEYS_MAX}")
    newer_here = [
        (fact.owner, fact.name)
        for owner in dict.fromkeys(map(str, owners))
        for fact in ledger.facts_of(NodeId(owner))
        if fact.stamp > theirs.get((fact.owner, fact.name), (-1, -1))
    ]
    want: list[Value] = [
        [owner, name]
        for (owner, name), stamp in sorted(theirs.items())
        if stamp > ledger.stamp(NodeId(owner), name)
    ]
    return ([{"step": "want", "keys": want}] if want else []), _batches(ledger, newer_here)


def _short(ledger: Ledger, owner: NodeId) -> bytes:
    """Half a hash: it compares one owner between two nodes that are about to compare again."""
    return ledger.digests.owner(owner)[:SHORT_BYTES]


def _batches(ledger: Ledger, keys: list[tuple[NodeId, str]]) -> list[Batch]:
    found = [ledger.batch(owner, name) for owner, name in keys]
    return list({id(batch): batch for batch in found if batch is not None}.values())


def _rows(rows: Value) -> list[list[Any]]:
    if not isinstance(rows, list) or len(rows) > KEYS_MAX:
        raise RemoteProtocolError(f"a digest whose keys are not a list of at most {KEYS_MAX}")
    return [row for row in rows if isinstance(row, list)]
