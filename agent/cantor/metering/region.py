"""The memory in which one process keeps its metrics."""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import threading
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.metering.layout import (
    ENTRIES_AT,
    ENTRIES_BYTES,
    HEADER,
    HISTOGRAM,
    MAGIC,
    REGION_BYTES,
    SLOTS,
    SLOTS_AT,
    Entry,
    slots_of,
)

if TYPE_CHECKING:
    from cantor.metering.names import Labels

_USED_SLOTS, _USED_BYTES, _DROPPED = 2, 3, 2
"""Places in the header: of u32 the first two, of u64 the last."""


def create_region() -> int:
    """The descriptor of new memory, whose size nobody can change.

    Raises:
        OSError: this system has none of the kind, or too many files are open.
    """
    if not hasattr(os, "memfd_create"):
        raise OSError("no memory without a name on this system")
    descriptor = os.memfd_create("cantor:metrics", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, REGION_BYTES)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        os.pwrite(descriptor, HEADER.pack(MAGIC, 0, 0, 0), 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class Region:
    """The writing side, for one process and its forks: each takes slots of its own. Thread-safe."""

    def __init__(self, descriptor: int) -> None:
        """``descriptor`` stays the caller's.

        Raises:
            OSError, LocalProtocolError: it is no such memory.
        """
        if os.fstat(descriptor).st_size != REGION_BYTES:
            raise LocalProtocolError("no memory for metrics", where=f"descriptor {descriptor}")
        self.descriptor = descriptor
        memory = mmap.mmap(descriptor, REGION_BYTES)
        if memory[: len(MAGIC)] != MAGIC:
            raise LocalProtocolError("no memory for metrics", where=f"descriptor {descriptor}")
        self._memory = memory
        view = memoryview(memory)
        self._numbers = view.cast("I")
        self._dropped = view.cast("Q")
        slots = view[SLOTS_AT:ENTRIES_AT]
        self.reals = slots.cast("d")
        self.counts = slots.cast("Q")
        self._lock = threading.Lock()

    def add(self, kind: int, name: str, labels: Labels, bounds: tuple[float, ...]) -> int | None:
        """The first slot of a new series; None, and that is counted, if there is no room.

        Raises:
            OSError: others that share the memory cannot be kept out.
        """
        slots = slots_of(kind, bounds)
        with self._lock:
            # Opened anew, since a lock belongs to who has opened: a fork, and native code in this
            # process, are kept out as well.
            door = os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(door, fcntl.LOCK_EX)
                return self._added(Entry(kind, name, labels, 0, slots, bounds))
            finally:
                os.close(door)

    def _added(self, entry: Entry) -> int | None:
        slot, used = self._numbers[_USED_SLOTS], self._numbers[_USED_BYTES]
        raw = Entry(entry.kind, entry.name, entry.labels, slot, entry.slots, entry.bounds).packed()
        if slot + entry.slots > SLOTS or used + len(raw) > ENTRIES_BYTES:
            self._dropped[_DROPPED] += 1
            return None
        self._memory[ENTRIES_AT + used : ENTRIES_AT + used + len(raw)] = raw
        if entry.kind != HISTOGRAM:
            self.reals[slot] = _FIRST[entry.kind]
        self._numbers[_USED_SLOTS] = slot + entry.slots
        self._numbers[_USED_BYTES] = used + len(raw)
        return slot


_FIRST = {1: 0.0, 2: 0.0, 3: float("nan")}
IS_ADDING_WHOLE = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether ``slots[number] += amount`` is one step to other threads: no line of Python runs in it,
and only there this Python changes threads."""
