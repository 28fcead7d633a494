"""The memory of a process is hostile until it is read as an entry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cantor.metering.layout import (
    COUNT,
    GAUGE,
    HISTOGRAM,
    SLOTS,
    Entry,
    entry_at,
    slots_of,
)

ENTRIES = st.builds(
    lambda kind, name, value, slot, bounds: Entry(
        kind, name, (("place", value),), slot, slots_of(kind, bounds),
        tuple(bounds) if kind == HISTOGRAM else (),
    ),
    st.integers(COUNT, HISTOGRAM),
    st.from_regex(r"[a-z_][a-z0-9_]{0,30}", fullmatch=True),
    st.text("abü ", max_size=20),
    st.integers(0, 100),
    st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=8, unique=True).map(sorted),
)  # fmt: skip


@given(st.lists(ENTRIES, max_size=5))
def test_entries_are_read_as_they_were_written(entries: list[Entry]) -> None:
    raw = b"".join(entry.packed() for entry in entries)
    found, at = [], 0
    while (one := entry_at(raw, at)) is not None:
        entry, at = one
        found.append(entry)

    assert (found, at) == (entries, len(raw))


@given(st.binary(max_size=300))
def test_any_other_bytes_are_no_entry(raw: bytes) -> None:
    found = entry_at(raw, 0)

    assert found is None or found[0].slot + found[0].slots <= SLOTS


@given(ENTRIES, st.integers(0, 200), st.integers(0, 255))
def test_an_entry_with_a_wrong_byte_stays_inside(entry: Entry, place: int, byte: int) -> None:
    raw = bytearray(entry.packed())
    raw[place % len(raw)] = byte
    found = entry_at(bytes(raw), 0)

    assert found is None or (found[0].slot + found[0].slots <= SLOTS and found[1] <= len(raw))


def test_an_entry_beyond_the_slots_is_none() -> None:
    assert entry_at(Entry(GAUGE, "a", (), SLOTS).packed(), 0) is None
    assert entry_at(Entry(GAUGE, "cantor_a", (), 0).packed(), 0) is None
    assert entry_at(bytes(64), 0) is None
