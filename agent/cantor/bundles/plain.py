"""Types of the standard library, and references to objects: a name and plain arguments.

A type of a module that is large is known by its name: who has such a value has loaded it already,
and an agent that passes on what it does not read need not.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter, OrderedDict, deque
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from cantor.base.object_ref import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Callable

Taken = tuple[str, "list[Any]"]


def _zone(zone: tzinfo | None) -> list[Any]:
    """None, seconds from UTC, or the name of a zone; a zone of another kind is not known here."""
    if zone is None:
        return [None]
    if isinstance(zone, timezone):
        offset = zone.utcoffset(None)
        return [offset.days, offset.seconds, offset.microseconds]
    key = getattr(zone, "key", None)
    zones = sys.modules.get("zoneinfo")
    if zones is not None and isinstance(zone, zones.ZoneInfo) and key:
        return [key]
    message = f"a time zone of the kind {type(zone).__qualname__}"
    raise TypeError(message)


def _zone_from(told: list[Any]) -> tzinfo | None:
    if len(told) == 3:
        return timezone(timedelta(*told))
    (key,) = told
    return None if key is None else _made("zoneinfo", "ZoneInfo", key)


def _datetime(value: datetime) -> list[Any]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _zone(value.tzinfo)]


def _datetime_from(text: str, fold: int, zone: list[Any]) -> datetime:
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=_zone_from(zone))


def _time(value: time) -> list[Any]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _zone(value.tzinfo)]


def _time_from(text: str, fold: int, zone: list[Any]) -> time:
    return time.fromisoformat(text).replace(fold=fold, tzinfo=_zone_from(zone))


def _made(module: str, kind: str, *told: Any, **named: Any) -> Any:  # noqa: ANN401 (of that kind)
    return getattr(importlib.import_module(module), kind)(*told, **named)


def _counter(pairs: list[Any]) -> Counter[Any]:
    return Counter(dict(pairs))


_TYPES: tuple[tuple[type, str, Callable[[Any], list[Any]], Callable[..., Any]], ...] = (
    (complex, "complex", lambda value: [value.real, value.imag], complex),
    (range, "range", lambda value: [value.start, value.stop, value.step], range),
    (slice, "slice", lambda value: [value.start, value.stop, value.step], slice),
    (datetime, "datetime", _datetime, _datetime_from),
    (date, "date", lambda value: [value.isoformat()], date.fromisoformat),
    (time, "time", _time, _time_from),
    (
        timedelta,
        "timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        timedelta,
    ),
    (timezone, "timezone", _zone, lambda *told: _zone_from(list(told))),
    (IPv4Address, "ipv4", lambda value: [int(value)], IPv4Address),
    (IPv6Address, "ipv6", lambda value: [str(value)], IPv6Address),
    (PosixPath, "path", lambda value: [str(value)], Path),
    (PurePosixPath, "pure path", lambda value: [str(value)], PurePath),
    (PureWindowsPath, "windows path", lambda value: [str(value)], PureWindowsPath),
    (OrderedDict, "ordered", lambda value: [list(map(list, value.items()))], OrderedDict),
    (Counter, "counter", lambda value: [list(map(list, value.items()))], _counter),
    (ObjectRef, "object", lambda value: [value.owner, value.key], ObjectRef),
    (deque, "deque", lambda value: [list(value), value.maxlen], deque),
    (type(Ellipsis), "ellipsis", lambda _: [], lambda: ...),
    (type(NotImplemented), "not implemented", lambda _: [], lambda: NotImplemented),
)
_LATER: tuple[tuple[str, str, str, Callable[[Any], list[Any]], Callable[..., Any]], ...] = (
    ("zoneinfo", "ZoneInfo", "zone", _zone, lambda *told: _zone_from(list(told))),
    (
        "decimal",
        "Decimal",
        "decimal",
        lambda value: [str(value)],
        lambda text: _made("decimal", "Decimal", text),
    ),
    (
        "fractions",
        "Fraction",
        "fraction",
        lambda value: [value.numerator, value.denominator],
        lambda over, under: _made("fractions", "Fraction", over, under),
    ),
    (
        "uuid",
        "UUID",
        "uuid",
        lambda value: [value.bytes],
        lambda data: _made("uuid", "UUID", bytes=data),
    ),
)
"""As ``_TYPES``, but with the module and the name of the type."""
_TO = {kind: (name, take) for kind, name, take, _ in _TYPES}
_FROM = {name: make for _, name, _, make in _TYPES} | {one[2]: one[4] for one in _LATER}


def is_plain(kind: type) -> bool:
    """Whether values of exactly this type travel so."""
    return _known(kind) is not None


def _known(kind: type) -> tuple[str, Callable[[Any], list[Any]]] | None:
    if kind in _TO:
        return _TO[kind]
    for module, its_name, name, take, _ in _LATER:
        if getattr(sys.modules.get(module), its_name, None) is kind:
            return name, take
    return None


def take_apart(value: object) -> Taken | None:
    """The name of the value's type and what makes it again; None if it is of no such type.

    Raises:
        TypeError: its time zone is not one of the standard library.
    """
    known = _known(type(value))
    if known is None:
        return None
    name, take = known
    return name, take(value)


def put_together(name: str, told: list[Any]) -> Any:  # noqa: ANN401 (one of the types above)
    """What :func:`take_apart` took apart.

    Raises:
        LookupError, TypeError, ValueError, ArithmeticError: it is no such thing.
    """
    return _FROM[name](*told)
