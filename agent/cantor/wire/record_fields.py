"""Where the fields of a frame stand in its record, for those who route it without decoding it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.wire.frame import HEADER
from cantor.wire.records import PREFIX_SIZE

if TYPE_CHECKING:
    from cantor.wire.records import Record

RECORD_SIZE_MIN = PREFIX_SIZE + HEADER.size
KIND = PREFIX_SIZE + 1
PRIORITY = PREFIX_SIZE + 2
TTL = PREFIX_SIZE + 3
FLOW = slice(PREFIX_SIZE + 4, PREFIX_SIZE + 40)
"""Flags, area, source and destination: frames with the same ones keep their order."""
SOURCE = slice(PREFIX_SIZE + 8, PREFIX_SIZE + 24)
DESTINATION = slice(PREFIX_SIZE + 24, PREFIX_SIZE + 40)
NAME = slice(PREFIX_SIZE + 8, PREFIX_SIZE + 48)
"""Source, destination and message id, by which a frame is known again."""


def one_hop_less(record: Record) -> Record:
    """The record with a time to live that is one hop shorter; large ones change in place."""
    if isinstance(record, bytes):
        return b"".join((record[:TTL], bytes((record[TTL] - 1,)), record[TTL + 1 :]))
    record[TTL] -= 1
    return record
