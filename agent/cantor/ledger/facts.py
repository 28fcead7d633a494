"""A fact, and the batches in which an owner signs its facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgpack

from cantor.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value

NAME_LENGTH_MAX = 128
BATCH_FACTS_MAX = 256
BATCH_BYTES_MAX = 1024 * 1024


class UnvouchedError(Exception):
    """Facts that their owner has signed, but no authority that is trusted here vouches for it."""


class OverShareError(Exception):
    """Facts of an owner that says more than it may, in this or in another order."""


class Fact(NamedTuple):
    """What ``owner`` says under ``name``; the newest (epoch, hlc) holds, ``None`` is withdrawn.

    ``lasting`` facts hold for ever, others for a while (``cantor.ledger.days``); ``None`` where the
    version of the owner does not tell.
    """

    owner: NodeId
    name: str
    value: Value
    epoch: int
    hlc: int
    lasting: bool | None = None

    @property
    def stamp(self) -> tuple[int, int]:
        """What decides between two values of one fact."""
        return self.epoch, self.hlc


class Batch(NamedTuple):
    """Facts as their owner signed them; kept whole, so that unknown fields travel on."""

    owner: NodeId
    data: bytes
    signature: bytes
    certificate: bytes


def pack_facts(facts: list[Fact]) -> bytes:
    """The bytes that the owner of ``facts`` signs."""
    rows = [
        [fact.name, fact.epoch, fact.hlc, fact.value]
        + ([] if fact.lasting is None else [fact.lasting])
        for fact in facts
    ]
    packed: bytes = msgpack.packb({"owner": facts[0].owner, "facts": rows})
    return packed


def unpack_facts(batch: Batch) -> list[Fact]:
    """The facts inside a batch; fields after those that this version knows are left alone.

    Raises:
        RemoteProtocolError: the bytes are no batch of ``batch.owner``.
    """
    where = f"facts of {batch.owner}"
    if len(batch.data) > BATCH_BYTES_MAX:  # before it is read: a byte can make an object
        raise RemoteProtocolError("a batch larger than any share", where=where)
    try:
        content = msgpack.unpackb(batch.data)
        if content["owner"] != batch.owner:
            raise RemoteProtocolError("the signed owner is another", where=where)
        rows = content["facts"]
        if not 0 < len(rows) <= BATCH_FACTS_MAX or not all(map(_is_sound, rows)):
            raise RemoteProtocolError("a batch with unusable facts", where=where)
        return [Fact(batch.owner, row[0], row[3], row[1], row[2], _mark(row)) for row in rows]
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
        RecursionError,
        msgpack.UnpackException,
    ) as error:
        raise RemoteProtocolError(f"not a batch: {error}", where=where) from error


def _mark(row: list[object]) -> bool | None:
    mark = row[4] if len(row) > 4 else None
    return mark if isinstance(mark, bool) else None


def _is_sound(row: list[object]) -> bool:
    name, epoch, hlc = row[:3]
    return (
        isinstance(name, str)
        and 0 < len(name) <= NAME_LENGTH_MAX
        and type(epoch) is int
        and type(hlc) is int
        and 0 <= epoch < 2**63
        and 0 <= hlc < 2**63
    )
