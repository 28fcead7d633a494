"""Runs a classic BPF program of seccomp as the kernel would."""

from __future__ import annotations

import struct


def run(program: bytes, machine: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the program decides about one call; the arguments have 64 bits each."""
    told = (*arguments, *([0] * (6 - len(arguments))))
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, machine, 0, *told)
    code = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    accumulator = at = 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
            continue
        if operation == 0x54:
            accumulator &= value
            continue
        holds = {
            0x15: accumulator == value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }[operation]
        at += if_true if holds else if_false
