"""From the bytes of a message to readings. The bytes are a stranger's: all that is odd is named."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from firmware_bridge.declarations import shown

if TYPE_CHECKING:
    from firmware_bridge.descriptor import Readings, Value

Measure: TypeAlias = bool | int | float | str
Boot: TypeAlias = int | str

TEXT_CHARACTERS_MAX = 256
COUNTER_MAX = 2**63 - 1
_FLAGS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_ABSENT = object()


class PayloadError(Exception):
    """What cannot be used: ``what`` is the same text each time, ``example`` what was there."""

    def __init__(self, what: str, example: str = "") -> None:
        self.what = what
        self.example = example
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The sound values of a message, what is wrong with the others, and its place in the order."""

    values: dict[str, Measure]
    wrong: tuple[PayloadError, ...] = ()
    boot: Boot | None = None
    seq: int = 0


def decode(readings: Readings, payload: bytes) -> Decoded:
    """Read a message.

    Raises:
        PayloadError: no part of it can be used.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise PayloadError("is not UTF-8 text") from error
    if readings.format == "plain":
        value = readings.values[0]
        return Decoded({value.name: _from_text(value, text.strip())})
    content = _parse(text)
    boot: Boot | None = None
    seq = 0
    if readings.boot:
        boot, seq = _boot(content, readings.boot), _seq(content, readings.seq)
    values: dict[str, Measure] = {}
    wrong: list[PayloadError] = []
    for value in readings.values:
        try:
            found = _find(content, value.field)
            if found is not _ABSENT:
                values[value.name] = _checked(value, found)
            elif value.required:
                raise PayloadError(f"{value.name} is missing")
        except PayloadError as error:
            wrong.append(error)
    return Decoded(values, tuple(wrong), boot, seq)


def _parse(text: str) -> dict[str, object]:
    try:
        content = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise PayloadError("is not JSON", shown(text)) from error
    if not isinstance(content, dict):
        raise PayloadError("is not a JSON object", shown(text))
    return content


def _refuse(name: str) -> object:
    raise PayloadError("holds a number that is not JSON", name)


def _find(content: object, field: tuple[str, ...]) -> object:
    for key in field:
        if not isinstance(content, dict) or key not in content:
            return _ABSENT
        content = content[key]
    return content


def _boot(content: dict[str, object], field: tuple[str, ...]) -> Boot:
    boot = _find(content, field)
    if isinstance(boot, str) and boot and _is_text(boot, 64):
        return boot
    if type(boot) is int and 0 <= boot <= COUNTER_MAX:
        return boot
    raise PayloadError(f"{'.'.join(field)} is no boot counter", _example(boot))


def _seq(content: dict[str, object], field: tuple[str, ...]) -> int:
    seq = _find(content, field)
    if type(seq) is int and 0 <= seq <= COUNTER_MAX:
        return seq
    raise PayloadError(f"{'.'.join(field)} is no sequence number", _example(seq))


def _example(found: object) -> str:
    return "nothing" if found is _ABSENT else shown(found)


def _checked(value: Value, found: object) -> Measure:
    if value.type == "text":
        if isinstance(found, str) and _is_text(found, TEXT_CHARACTERS_MAX):
            return found
        what = f"{value.name} must be a text of at most {TEXT_CHARACTERS_MAX} characters"
        raise PayloadError(what, shown(found))
    if value.type == "boolean":
        if isinstance(found, bool):
            return found
        raise PayloadError(f"{value.name} must be true or false", shown(found))
    return _in_range(value, found)


def _in_range(value: Value, found: object) -> float:
    kinds = (int,) if value.type == "integer" else (int, float)
    if not isinstance(found, kinds) or isinstance(found, bool) or not _is_usable(found):
        wanted = "a whole number" if value.type == "integer" else "a number"
        raise PayloadError(f"{value.name} must be {wanted}", shown(found))
    low = -math.inf if value.minimum is None else value.minimum
    high = math.inf if value.maximum is None else value.maximum
    if not low <= found <= high:
        what = f"{value.name} must lie between {low:g} and {high:g} {value.unit}"
        raise PayloadError(what.rstrip(), shown(found))
    return found


def _is_text(text: str, characters_max: int) -> bool:
    """Whether it is short enough and whole: JSON can hold half a character (a surrogate)."""
    return len(text) <= characters_max and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _is_usable(number: float) -> bool:
    """Whether it is finite and, if whole, small enough for every layer that carries it."""
    return abs(number) <= COUNTER_MAX if isinstance(number, int) else math.isfinite(number)


def _from_text(value: Value, text: str) -> Measure:
    if value.type == "text":
        return _checked(value, text)
    if value.type == "boolean":
        return _checked(value, _FLAGS.get(text.lower(), text))
    try:
        number = int(text) if value.type == "integer" else float(text)
    except ValueError as error:
        raise PayloadError(f"{value.name} must be a number", shown(text)) from error
    return _checked(value, number)
