"""The journal of grants: what was kept is read, a torn end is nobody's, damage is noticed."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.ids import NodeId
from cantor.scheduling.grants import journal
from cantor.scheduling.grants.journal import Began, Kept, Over
from cantor.scheduling.grants.records import Key, Lease

LEASES = [
    Lease(Key(f"task/{n}", n), NodeId("a" * 64), 7 << 32 | n, {"GPU": 1}, {"GPU": (f"gpu-{n}",)})
    for n in range(3)
]
WHOLE = journal.written(Kept(7, {lease.key: lease for lease in LEASES}))


def test_what_is_written_is_read() -> None:
    kept = journal.read(WHOLE + journal.encode(Over(LEASES[0].key)) + journal.encode(Began(8)))
    assert list(kept.leases.values()) == LEASES[1:]
    assert (kept.epoch, kept.over, kept.is_whole) == (8, [LEASES[0].key], True)


def test_a_loss_stands_in_the_journal_until_it_is_over() -> None:
    lost = journal.read(WHOLE + journal.encode(Began(8, is_lost=True)))
    assert lost.is_lost
    assert journal.read(journal.written(lost)).is_lost
    assert not journal.read(journal.written(lost) + journal.encode(Began(8))).is_lost


@given(st.integers(0, len(WHOLE)))
def test_a_torn_end_is_not_damage(length: int) -> None:
    kept = journal.read(WHOLE[:length])
    assert kept.is_whole
    assert kept.length <= length
    assert all(kept.leases[lease.key] == lease for lease in LEASES if lease.key in kept.leases)


@given(st.integers(0, 600))
def test_zeros_at_the_end_are_not_damage(count: int) -> None:
    kept = journal.read(WHOLE + bytes(count))
    assert kept.is_whole
    assert kept.length == len(WHOLE)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_every_damaged_byte_is_noticed(at: int, change: int) -> None:
    damaged = WHOLE[:at] + bytes([WHOLE[at] ^ change]) + WHOLE[at + 1 :]
    assert not journal.read(damaged).is_whole


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(tail: bytes) -> None:
    journal.read(WHOLE + tail)
    journal.read(tail)


def test_a_record_of_another_kind_is_damage() -> None:
    body = b"\x91\x01"
    head = journal._HEAD.pack(len(body), zlib.crc32(body))
    strange = head + journal._CHECKSUM.pack(zlib.crc32(head)) + body
    assert not journal.read(WHOLE + strange + journal.encode(Began(9))).is_whole


@pytest.mark.parametrize("lease", LEASES)
def test_a_token_holds_the_epoch(lease: Lease) -> None:
    assert lease.epoch == 7
