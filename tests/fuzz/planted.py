"""Decoders with a mistake that is known, which prove that the fuzzer finds such: never fuzzed else.

Each is wrong for about one input in 256, so that it is found within a moment.
"""

from __future__ import annotations

import hashlib

from tests.fuzz.decoders import Decoder

WRONG = 0xFF
CPU_S_MAX = 0.1
"""So little is too much for these."""
_ROUNDS = 1_000_000
"""A third of a second, in one call into C: no signal breaks it off before its end."""


def _never_ends(data: bytes) -> None:
    while data[:1] == bytes((WRONG,)):
        pass


def _is_slow_inside_c(data: bytes) -> None:
    if data[:1] == bytes((WRONG,)):
        hashlib.pbkdf2_hmac("sha256", data, b"salt", _ROUNDS)


def _seeds() -> list[bytes]:
    return [b"sound"]


PLANTED = {
    "planted-endless": Decoder(_never_ends, _seeds),
    "planted-slow": Decoder(_is_slow_inside_c, _seeds),
}
