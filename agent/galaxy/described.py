"""What a filter type tells of itself as plain data, and a stand-in for the type made of that.

A pushed filter is opened in a process of its own. All others know its types by what that process
told, which is hostile: every text, number and list of it has a bound. A stand-in has the pins,
parameters and needs of the type, so pipelines are checked and placed with it; it cannot run.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.text import printable
from cantor.scheduling.needs import parse
from galaxy.filter import BaseFilter, BaseSource
from galaxy.params import JSON_TYPES, Param
from galaxy.pins import Pin
from galaxy.placement import WORK_MAX
from galaxy.registry import PUSHED
from galaxy.schema import describe_filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from galaxy.params import JsonValue

FILTERS_MAX = 16
PINS_MAX = 16
PARAMS_MAX = 64
CHOICES_MAX = 64
TEXT_MAX = 500
NEEDS_MAX = 1024
TOLD_CHARACTERS_MAX = 32 * 1024
NUMBER_MAX = 2.0**53
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_PIN_TYPE = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+)*")
_KINDS = {name: kind for kind, name in JSON_TYPES.items()}
_BLANK: Mapping[type, object] = {bool: False, int: 0, float: 0.0, str: "", tuple: ()}

Types = dict[str, type[BaseFilter]]
"""By the name of the class."""


def described(name: str, filter_type: type[BaseFilter]) -> dict[str, JsonValue]:
    """What a type tells."""
    about = describe_filter(name, filter_type)
    return {**about, "work": filter_type.work, "concurrent": filter_type.concurrent}


def types_in(told: bytes) -> Types:
    """The stand-ins for what a process has told of the classes of a push.

    Raises:
        ConfigError: they could not be opened, or it is not what classes tell.
    """
    try:
        value = json.loads(told, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _wrong("what it tells is no JSON") from error
    if isinstance(value, dict) and isinstance(value.get("error"), str):
        raise ConfigError(printable(value["error"])[:TEXT_MAX])
    return types_from(value.get("filters") if isinstance(value, dict) else None)


def types_from(value: object) -> Types:
    """The stand-ins for types that were described.

    Raises:
        ConfigError: one is out of shape or bounds.
    """
    if not isinstance(value, list) or not 0 < len(value) <= FILTERS_MAX:
        raise _wrong(f"it tells of none, or of more than {FILTERS_MAX}")
    try:
        is_too_long = len(json.dumps(value, default=repr)) > TOLD_CHARACTERS_MAX
    except (TypeError, ValueError, RecursionError) as error:
        raise _wrong("what it tells is no plain data") from error
    if is_too_long:
        raise _wrong(f"it tells more than {TOLD_CHARACTERS_MAX} characters")
    types: Types = {}
    for one in value:
        about = _About(one)
        if about.name in types:
            raise _wrong("two classes have one name", about.name)
        types[about.name] = about.stand_in()
    return types


def listed(types: Mapping[str, type[BaseFilter]]) -> list[JsonValue]:
    """What these types tell; :func:`types_from` reads it back."""
    return [described(name, types[name]) for name in sorted(types)]


def named(push: str, types: Mapping[str, type[BaseFilter]]) -> dict[str, type[BaseFilter]]:
    """The types by the names that pipelines call them by."""
    return {f"{push}{PUSHED}{name}": types[name] for name in types}


def filters_from(value: object) -> tuple[int, Types]:
    """Revision and types in what is told of a push.

    Raises:
        RemoteProtocolError: it has another shape.
        ConfigError: a type in it has.
    """
    if not isinstance(value, dict):
        raise RemoteProtocolError("is no mapping", where="filters")
    number = value.get("revision")
    if type(number) is not int or not 0 < number < int(NUMBER_MAX):
        raise RemoteProtocolError("has a revision that is none", where="filters")
    return number, types_from(value.get("filters"))


def pushed_types(views: object) -> dict[str, type[BaseFilter]]:
    """The types of several pushes, as the agent of this box tells them.

    Raises:
        RemoteProtocolError, ConfigError: it has another shape.
    """
    found: dict[str, type[BaseFilter]] = {}
    for row in views if isinstance(views, list) else ():
        if isinstance(row, dict):
            found |= named(str(row.get("push")), filters_from(row)[1])
    return found


class _About:
    """What is told of one class, read strictly; what is not known here is left be."""

    def __init__(self, value: object) -> None:
        self.name = ""
        self._value: Mapping[str, object] = self._mapping(value, "class")
        self.name = self._name(self._value.get("type"), "name")

    def stand_in(self) -> type[BaseFilter]:
        """A class that tells the same."""
        is_source = self._flag(self._value, "source")
        inputs, outputs = self._pins("inputs"), self._pins("outputs")
        if is_source and (inputs or not outputs):
            raise self._wrong("a source has outputs and no inputs")
        if not is_source and not inputs:
            raise self._wrong("it has no pins: declare inputs, or make it a BaseSource")
        needs, work = self._text(self._value.get("needs"), "needs", NEEDS_MAX), self._work()
        try:
            parse(needs)
        except ConfigError as error:
            raise self._wrong(f"its needs cannot be read: {error.what}") from error
        attributes: dict[str, object] = {
            "__module__": __name__,
            "inputs": inputs,
            "outputs": outputs,
            "needs": needs,
            "work": work,
            "description": self._text(self._value.get("description"), "description"),
            "concurrent": self._flag(self._value, "concurrent"),
            **self._params(),
        }
        if is_source:
            attributes["live"] = self._flag(self._value, "live")
        made = type(self.name, (BaseSource if is_source else BaseFilter,), attributes)
        return cast("type[BaseFilter]", made)

    def _work(self) -> float:
        work = self._number(self._value.get("work"), "work")
        if not 0 <= work <= WORK_MAX:
            raise self._wrong("its work is no share of a core")
        return float(work)

    def _pins(self, side: str) -> dict[str, Pin]:
        rows = self._mapping(self._value.get(side), side, PINS_MAX)
        return {self._name(name, f"pin of {side}"): self._pin(rows[name]) for name in rows}

    def _pin(self, value: object) -> Pin:
        row = self._mapping(value, "pin")
        kind = self._text(row.get("type"), "type of a pin", 64)
        if not _PIN_TYPE.fullmatch(kind):
            raise self._wrong("a pin has a type that is none")
        formats = self._list(row.get("formats"), "formats", PINS_MAX)
        texts = tuple(self._text(one, "format", 32) for one in formats)
        return Pin(kind, texts, self._flag(row, "optional"))

    def _params(self) -> dict[str, object]:
        schema = self._mapping(self._value.get("params"), "params")
        rows = self._mapping(schema.get("properties"), "params", PARAMS_MAX)
        required = self._list(schema.get("required", []), "required", PARAMS_MAX)
        found: dict[str, object] = {}
        for name in rows:
            if hasattr(BaseSource, name):
                raise self._wrong(f"no parameter can be called {name[:60]}")
            row = self._mapping(rows[name], f"parameter {name[:60]}")
            found[self._name(name, "parameter")] = self._param(row, is_required=name in required)
        return found

    def _param(self, row: Mapping[str, object], *, is_required: bool) -> Param[object]:
        kind = _KINDS.get(str(row.get("type")))
        if kind is None:
            raise self._wrong("a parameter has a type that is none")
        choices = self._list(row.get("enum", []), "choices", CHOICES_MAX)
        param: Param[object] = Param(
            cast("type[object]", kind),
            minimum=self._limit(row, "minimum"),
            maximum=self._limit(row, "maximum"),
            unit=self._text(row.get("x-unit", ""), "unit", 32),
            description=self._text(row.get("description", ""), "description"),
            live=self._flag(row, "x-live"),
            secret=self._flag(row, "writeOnly"),
            file=self._flag(row, "x-file"),
        )
        try:
            param.choices = tuple(param.check(self._plain(one)) for one in choices)
            if not is_required:
                told = "default" in row
                plain = self._plain(row["default"]) if told else _BLANK[kind]
                param.default = param.check(plain) if told else plain
        except ValueError as error:
            raise self._wrong(f"a default or a choice of a parameter {error}") from error
        return param

    def _limit(self, row: Mapping[str, object], key: str) -> float | None:
        return self._number(row[key], key) if key in row else None

    def _plain(self, value: object) -> object:
        """A value that a fact can hold."""
        if isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value, "value")
        if isinstance(value, list | tuple):
            return [self._exact(one) for one in self._list([*value], "value", CHOICES_MAX)]
        return self._exact(value)

    def _exact(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > TEXT_MAX or not value.isprintable():
            raise self._wrong("a value of a parameter is no short text that can be shown")
        return value

    def _number(self, value: object, what: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(f"its {what} is no number")
        if not (math.isfinite(value) and abs(value) <= NUMBER_MAX):
            raise self._wrong(f"its {what} is too large a number")
        return value

    def _flag(self, row: Mapping[str, object], key: str) -> bool:
        return row.get(key) is True

    def _text(self, value: object, what: str, at_most: int = TEXT_MAX) -> str:
        if not isinstance(value, str) or len(value) > at_most:
            raise self._wrong(f"its {what} is no text of at most {at_most} characters")
        return printable(value.replace("\n", " "))

    def _name(self, value: object, what: str) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self._wrong(f"the {what} is no name of at most 64 letters")
        return value

    def _list(self, value: object, what: str, at_most: int) -> list[object]:
        if not isinstance(value, list) or len(value) > at_most:
            raise self._wrong(f"its {what} are no list of at most {at_most}")
        return value

    def _mapping(self, value: object, what: str, at_most: int = PARAMS_MAX) -> Mapping[str, object]:
        if not isinstance(value, dict) or len(value) > at_most:
            raise self._wrong(f"its {what} are no mapping of at most {at_most}")
        return value

    def _wrong(self, what: str) -> ConfigError:
        return _wrong(what, self.name)


def _wrong(what: str, name: str = "") -> ConfigError:
    where = f"the class {name}" if name else "the classes of the push"
    return ConfigError(what, where=where)


def _no_number(text: str) -> object:
    raise ValueError(text)
