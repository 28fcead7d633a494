"""Programs for seccomp, assembled: classic BPF over ``struct seccomp_data``.

A rule looks at one call and perhaps at the low 32 bits of one argument; the first that fits
decides. Sources: seccomp(2), ``linux/bpf_common.h``, ``linux/seccomp.h``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.workers.sandbox.syscalls import Machine

ALLOW = 0x7FFF0000
KILL = 0x80000000
"""The whole process, by SIGSYS."""
_ERRNO = 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _AND, _RETURN = (
    0x20, 0x15, 0x35, 0x45, 0x54, 0x06,
)  # fmt: skip
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_INSTRUCTION = struct.Struct("<HBBI")
INSTRUCTIONS_MAX = 4096


def refuse(errno: int) -> int:
    """The call fails with this error number."""
    return _ERRNO | errno


class Compare(Enum):
    """What is asked of an argument."""

    IS = "is"
    IS_NONE_OF = "is none of"
    HAS_ANY_BIT = "has any bit"
    MASKED_IS = "is, under a mask"


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of a call; with ``compare``, only if that holds for an argument.

    ``values`` are what it is compared with: any of them for IS, none of them for IS_NONE_OF, the
    bits for HAS_ANY_BIT, a mask and then any of the others for MASKED_IS.
    """

    call: str
    action: int
    argument: int = 0
    compare: Compare | None = None
    values: tuple[int, ...] = ()


def assemble(machine: Machine, rules: Sequence[Rule], known_max: int, unknown: int) -> bytes:
    """A program: calls of other machines end the process, those beyond ``known_max`` get
    ``unknown``, those in ``rules`` what they say, and all others pass.

    Rules for calls that the machine does not have are left out.

    Raises:
        ValueError: the kernel takes no program that is so long.
    """
    foreign = machine.foreign_from
    code = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_JUMP_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if foreign is not None:
        code += [(_JUMP_AT_LEAST, 0, 1, foreign), (_RETURN, 0, 0, KILL)]
    code += [(_JUMP_AT_LEAST, 0, 1, known_max + 1), (_RETURN, 0, 0, unknown)]
    for rule in rules:
        number = machine.number(rule.call)
        if number is not None:
            body = _body(rule)
            code += [(_JUMP_EQUAL, 0, len(body), number), *body]
    code.append((_RETURN, 0, 0, ALLOW))
    if len(code) > INSTRUCTIONS_MAX:
        raise ValueError(f"{len(code)} instructions, the kernel takes {INSTRUCTIONS_MAX}")
    return b"".join(_INSTRUCTION.pack(*one) for one in code)


def _body(rule: Rule) -> list[tuple[int, int, int, int]]:
    """What follows when the number fits; the number is loaded again where it goes on."""
    decide = (_RETURN, 0, 0, rule.action)
    if rule.compare is None:
        return [decide]
    load = (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * rule.argument)
    again = (_LOAD, 0, 0, _NUMBER_AT)
    values = list(rule.values)
    head = [load]
    if rule.compare is Compare.MASKED_IS:
        head.append((_AND, 0, 0, values.pop(0)))
    if rule.compare is Compare.HAS_ANY_BIT:
        (bits,) = values
        return [*head, (_JUMP_ANY_BIT, 0, 1, bits), decide, again]
    last = len(values)
    if rule.compare is Compare.IS_NONE_OF:  # any equal one jumps over the decision
        tests = [(_JUMP_EQUAL, last - at, 0, value) for at, value in enumerate(values)]
        return [*head, *tests, decide, again]
    tests = [  # any equal one jumps to the decision, the last other one over it
        (_JUMP_EQUAL, last - at - 1, int(at == last - 1), value) for at, value in enumerate(values)
    ]
    return [*head, *tests, decide, again]
