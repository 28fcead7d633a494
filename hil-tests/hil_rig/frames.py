"""The application protocol on a console's line: COBS frames with a CRC-32 between the text.

    00 F5 | COBS(kind u8, number u16, payload, crc32 u32 over all before) | 00

F5 begins no UTF-8 text, so text passes at once and a lost delimiter cannot turn text into frames
and frames into text. Numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

PAYLOAD_BYTES_MAX = 240
GAP_S = 0.05
"""A frame that stands still for so long is given up."""

_HEAD = struct.Struct("<BH")
_CRC = struct.Struct("<I")
_MARK = 0xF5
_ENCODED_BYTES_MAX = PAYLOAD_BYTES_MAX + _HEAD.size + _CRC.size + 2


class Kind(IntEnum):
    """What a frame asks; an answer has the highest bit set too."""

    PING = 1
    TEMPERATURE = 2
    UPTIME = 3
    ANSWER = 0x80


@dataclass(frozen=True, slots=True)
class AppFrame:
    """One whole, checked frame."""

    kind: int
    number: int
    payload: bytes = b""


def encode(frame: AppFrame) -> bytes:
    """The frame as it travels."""
    body = _HEAD.pack(frame.kind, frame.number) + frame.payload
    return b"\x00\xf5" + _stuff(body + _CRC.pack(zlib.crc32(body))) + b"\x00"


def decode(encoded: bytes) -> AppFrame | None:
    """The frame between mark and delimiter; None if it is damaged."""
    body = _unstuff(encoded)
    if body is None or len(body) < _HEAD.size + _CRC.size:
        return None
    body, check = body[: -_CRC.size], body[-_CRC.size :]
    if zlib.crc32(body) != _CRC.unpack(check)[0]:
        return None
    kind, number = _HEAD.unpack_from(body)
    return AppFrame(kind, number, body[_HEAD.size :])


class Splitter:
    """Takes text and frames apart; whatever noise did, it is in step again after one gap."""

    def __init__(self) -> None:
        self.damaged = 0
        self._held = bytearray()
        self._in_frame = False
        self._after_zero = False
        self._last_s = 0.0

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._in_frame

    def feed(self, data: bytes, now_s: float) -> tuple[bytes, list[AppFrame]]:
        """The text and the frames that are complete now."""
        text = bytearray()
        frames: list[AppFrame] = []
        self.pause(now_s)
        if data:
            self._last_s = now_s
        for byte in data:
            if self._in_frame:
                self._frame_byte(byte, frames)
            elif byte == 0:
                self._after_zero = True
            elif self._after_zero and byte == _MARK:
                self._in_frame, self._after_zero = True, False
            else:
                self._after_zero = False
                text.append(byte)
        return bytes(text), frames

    def pause(self, now_s: float) -> None:
        """Give a frame up that stood still for too long."""
        if self._in_frame and now_s - self._last_s >= GAP_S:
            self._give_up()

    def _frame_byte(self, byte: int, frames: list[AppFrame]) -> None:
        if byte == 0:
            frame = decode(bytes(self._held))
            self._held.clear()
            self._in_frame, self._after_zero = False, True
            if frame is None:
                self.damaged += 1
            else:
                frames.append(frame)
            return
        self._held.append(byte)
        if len(self._held) > _ENCODED_BYTES_MAX:
            self._give_up()

    def _give_up(self) -> None:
        self.damaged += 1
        self._held.clear()
        self._in_frame = self._after_zero = False


def _stuff(body: bytes) -> bytes:
    # Consistent overhead byte stuffing (Cheshire and Baker, 1999); bodies are below 254 bytes.
    out = bytearray()
    for block in body.split(b"\x00"):
        out.append(len(block) + 1)
        out += block
    return bytes(out)


def _unstuff(encoded: bytes) -> bytes | None:
    blocks: list[bytes] = []
    at = 0
    while at < len(encoded):
        end = at + encoded[at]
        if encoded[at] == 0 or end > len(encoded):
            return None
        blocks.append(encoded[at + 1 : end])
        at = end
    return b"\x00".join(blocks) if blocks else None
