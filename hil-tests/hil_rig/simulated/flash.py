"""Settings in a flash that forgets: a write takes many steps, and power may go between any two."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SLOT_BYTES = 256
PAGE_BYTES = 16
_HEAD = struct.Struct("<IHI")
_ERASED = b"\xff"


class SettingsFlash:
    """Two slots; the valid one with the higher number holds, the other one is written.

    With ``in_place`` there is only one, as in careless firmware.
    """

    def __init__(self, *, in_place: bool = False) -> None:
        self._slots = [bytearray(_ERASED * SLOT_BYTES) for _ in range(1 if in_place else 2)]

    def read(self) -> tuple[int, dict[str, str]]:
        """Number and content of the settings that hold; (0, {}) if no slot is whole."""
        found = [content for slot in self._slots if (content := _content(slot))]
        return max(found, key=lambda content: content[0], default=(0, {}))

    def torn(self) -> int:
        """How many slots hold something that is not whole."""
        return sum(
            _content(slot) is None and any(byte != 0xFF for byte in slot) for slot in self._slots
        )

    def write_steps(self, settings: Mapping[str, str]) -> list[Callable[[], None]]:
        """The steps of one write, in order; each is done or not done.

        Raises:
            ValueError: the settings do not fit into a slot.
        """
        number, _ = self.read()
        payload = "\n".join(f"{key}={value}" for key, value in settings.items()).encode()
        image = _HEAD.pack(number + 1, len(payload), zlib.crc32(payload)) + payload
        if len(image) > SLOT_BYTES:
            message = f"settings take {len(image)} bytes, a slot has {SLOT_BYTES}"
            raise ValueError(message)
        slot = self._slots[(number + 1) % len(self._slots)]
        pages = range(0, SLOT_BYTES, PAGE_BYTES)
        steps = [_fill(slot, at, _ERASED * PAGE_BYTES) for at in pages]
        written = range(0, len(image), PAGE_BYTES)
        return steps + [_fill(slot, at, image[at : at + PAGE_BYTES]) for at in written]


def _fill(slot: bytearray, at: int, page: bytes) -> Callable[[], None]:
    def step() -> None:
        slot[at : at + len(page)] = page

    return step


def _content(slot: bytearray) -> tuple[int, dict[str, str]] | None:
    number, length, check = _HEAD.unpack_from(slot)
    payload = bytes(slot[_HEAD.size : _HEAD.size + length])
    if length > SLOT_BYTES - _HEAD.size or zlib.crc32(payload) != check:
        return None
    lines = payload.decode().splitlines()
    return number, dict(line.split("=", 1) for line in lines if "=" in line)
