"""Memory that an agent and its worker share, so that pictures pass between them without a pipe.

Each direction has a few slots. The writer fills a free one and says its number and size on the
pipe; the reader looks at it in place, and gives it back when nobody there holds a view of it any
more. A buffer that finds no slot travels on the pipe as any other: nothing waits here.

The memory has no name and ends with the processes. The reader maps it privately, so that it cannot
change what it reads, and the size is sealed, so that the other side cannot take pages away.
Source: memfd_create(2), fcntl(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from cantor.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer, Value

    Slice = ctypes.Array[ctypes.c_ubyte]

SLOTS = 8
SLOT_BYTES = 16 * 1024 * 1024
"""Holds 4K as I420. Only pages that were written to take memory."""
SHARED_BYTES_MIN = 64 * 1024
"""What is smaller is cheaper on the pipe."""
_SIZE_BYTES = SLOTS * SLOT_BYTES
_SEAL_FUTURE_WRITE = 0x0010
_FREE, _TAKEN = 0, 1


class Room(Protocol):
    """Gives memory for so many bytes that passes on without a copy; None if there is none now."""

    def __call__(self, size: int, /) -> memoryview | None: ...


@dataclass(frozen=True, slots=True)
class SlotMemory:
    """The slots of one direction: descriptors of their bytes, and of one byte each that says whose
    they are.
    """

    data: int
    owners: int

    @classmethod
    def create(cls) -> SlotMemory:
        """New memory.

        Raises:
            OSError: this system has none of the kind, or too many files are open.
        """
        if not hasattr(os, "memfd_create"):
            raise OSError("no memory without a name on this system")
        data = _sealed("cantor:bodies", _SIZE_BYTES)
        try:
            return cls(data, _sealed("cantor:owners", SLOTS))
        except OSError:
            os.close(data)
            raise

    @property
    def descriptors(self) -> tuple[int, int]:
        """To be inherited by the other process."""
        return self.data, self.owners

    def close(self) -> None:
        """Close the descriptors; what is mapped stays."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class SlotWriter:
    """The writing side. Thread-safe."""

    def __init__(self, memory: SlotMemory) -> None:
        self._data = mmap.mmap(memory.data, _SIZE_BYTES)
        fcntl.fcntl(memory.data, fcntl.F_ADD_SEALS, _SEAL_FUTURE_WRITE)
        self._owners = mmap.mmap(memory.owners, SLOTS)
        self._lock = threading.Lock()
        self._filling: list[weakref.ref[Slice] | None] = [None] * SLOTS

    def room(self, size: int, /) -> memoryview | None:
        """A free slot to write ``size`` bytes into; it is ours as long as a view of it is held."""
        if not SHARED_BYTES_MIN <= size <= SLOT_BYTES:
            return None
        with self._lock:
            for number in range(SLOTS):  # always the lowest: the fewest pages are touched
                if self._owners[number] == _FREE and self._held(number) is None:
                    slot = (ctypes.c_ubyte * size).from_buffer(self._data, number * SLOT_BYTES)
                    self._filling[number] = weakref.ref(slot)
                    return memoryview(slot).cast("B")
        return None

    def hand_over(self, body: tuple[Buffer, ...]) -> list[Value] | None:
        """Give a body to the reader; what to tell it, or None if the body must travel itself.

        A view from :meth:`room` is handed over as it is, anything else is copied once.
        """
        if len(body) != 1:
            return None
        view = memoryview(body[0])
        number = self._number(view)
        if number is None:
            copy = self.room(view.nbytes)
            if copy is None:
                return None
            copy[:] = view.cast("B")
            number = cast("int", self._number(copy))
        self._owners[number] = _TAKEN
        return [number, view.nbytes]

    def take_back(self, place: list[Value]) -> None:
        """What was handed over was never told to the reader."""
        self._owners[cast("int", place[0])] = _FREE

    def _number(self, view: memoryview) -> int | None:
        """The slot that this is the whole of, unless the reader still has it from before."""
        with self._lock:
            for number in range(SLOTS):
                slot = self._held(number)
                if slot is not None and slot is view.obj:
                    whole = view.nbytes == ctypes.sizeof(slot)
                    return number if whole and self._owners[number] == _FREE else None
        return None

    def _held(self, number: int) -> Slice | None:
        slot = self._filling[number]
        return None if slot is None else slot()


class SlotReader:
    """The reading side."""

    def __init__(self, memory: SlotMemory) -> None:
        self._data = mmap.mmap(memory.data, _SIZE_BYTES, flags=mmap.MAP_PRIVATE | _MAP_NORESERVE)
        self._owners = mmap.mmap(memory.owners, SLOTS)

    def body(self, place: Value) -> tuple[Buffer, ...]:
        """The body at a place that the writer told; its slot is given back with its last view.

        Raises:
            RemoteProtocolError: there is no such place.
        """
        if not isinstance(place, list) or len(place) != 2:
            raise RemoteProtocolError("a body in no slot")
        number, size = place
        if type(number) is not int or type(size) is not int:
            raise RemoteProtocolError("a body in no slot")
        if not (0 <= number < SLOTS and 0 < size <= SLOT_BYTES):
            raise RemoteProtocolError(f"a body of {size} bytes in slot {number}")
        slot = (ctypes.c_ubyte * size).from_buffer(self._data, number * SLOT_BYTES)
        weakref.finalize(slot, self._owners.__setitem__, number, _FREE).atexit = False
        return (memoryview(slot).cast("B").toreadonly(),)


_MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)


def _sealed(name: str, size: int) -> int:
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
