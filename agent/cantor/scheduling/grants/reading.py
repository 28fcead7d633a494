"""Questions, answers and leases as others wrote them: what is odd or too much is refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.scheduling.grants.records import (
    COUNT_MAX,
    QUANTITIES_MAX,
    SINCE_MAX,
    TASK_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    TTL_MAX_S,
    TTL_MIN_S,
    UNITS_MAX,
    WHYS,
    Answer,
    Asked,
    Ended,
    Granted,
    Key,
    Lease,
    Refused,
    Release,
    Renew,
    Reserve,
    Waiting,
    WantedBack,
)
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.scheduling.grants.records import Why
    from cantor.wire.frame import Value


def asked_from_value(value: Mapping[str, Value], holder: NodeId, now: float) -> Asked:
    """What ``holder`` asks; ``now`` is UTC seconds.

    Raises:
        RemoteProtocolError: it is no question about grants.
    """
    key = _key(value)
    match value.get("ask"):
        case "release":
            return Release(key, holder)
        case "renew":
            return Renew(key, holder, _whole(value, "token", 2**63), _number(value, "asked_s"))
        case "reserve":
            return _reserve(value, key, holder, now)
    raise RemoteProtocolError("asks neither to reserve nor to renew nor to release")


def answer_from_value(value: Mapping[str, Value]) -> Answer:
    """What an owner answers.

    Raises:
        RemoteProtocolError: it is no answer about grants.
    """
    match value.get("answer"):
        case "granted":
            return Granted(lease_from_value(value), _number(value, "asked_s"))
        case "waiting":
            return Waiting(_key(value), _text(value, "text", TEXT_CHARACTERS_MAX))
        case "ended":
            return Ended(_key(value))
        case "wanted back":
            return WantedBack(_key(value), _text(value, "text", TEXT_CHARACTERS_MAX))
        case "refused" if value.get("why") in WHYS:
            why = cast("Why", value["why"])
            return Refused(_key(value), why, _text(value, "text", TEXT_CHARACTERS_MAX))
    raise RemoteProtocolError("answers nothing about grants")


def recall_from_value(value: Mapping[str, Value]) -> tuple[str, int, str]:
    """The quantity and the units that an owner asks back, and in which of its lives.

    Raises:
        RemoteProtocolError: it asks for nothing back.
    """
    texts = [_text(value, name, TASK_CHARACTERS_MAX) for name in ("name", "life")]
    return texts[0], _whole(value, "units", COUNT_MAX), texts[1]


def lease_from_value(value: Mapping[str, Value]) -> Lease:
    """A lease that ``as_value`` made.

    Raises:
        RemoteProtocolError: it is none.
    """
    taken, units = value.get("taken"), value.get("units")
    if not isinstance(taken, dict) or not isinstance(units, dict):
        raise RemoteProtocolError("a lease takes nothing")
    if len(taken) > QUANTITIES_MAX or sum(map(_count, units.values())) > UNITS_MAX:
        raise RemoteProtocolError("a lease takes too much")
    return Lease(
        _key(value),
        NodeId(_text(value, "holder", TASK_CHARACTERS_MAX)),
        _whole(value, "token", 2**63),
        {str(name): _number(taken, name) for name in taken},
        {str(name): tuple(map(str, cast("list[Value]", listed))) for name, listed in units.items()},
        _number(value, "ttl_s"),
        _since(value),
        _text(value, "project", TASK_CHARACTERS_MAX),
        _whole(value, "priority", COUNT_MAX, least=-COUNT_MAX),
        value.get("may_reclaim") is True,
    )


def _reserve(value: Mapping[str, Value], key: Key, holder: NodeId, now: float) -> Reserve:
    try:
        needs = parse(str(value.get("needs", "")))
    except ConfigError as error:
        raise RemoteProtocolError(f"its needs cannot be read: {error}") from error
    return Reserve(
        key,
        holder,
        needs,
        _number(value, "asked_s"),
        min(max(_number(value, "ttl_s"), TTL_MIN_S), TTL_MAX_S),
        _whole(value, "priority", COUNT_MAX, least=-COUNT_MAX),
        _text(value, "project", TASK_CHARACTERS_MAX),
        value.get("may_wait") is True,
        now,
        value.get("may_reclaim") is True,
    )


def _key(value: Mapping[str, Value]) -> Key:
    task = _text(value, "task", TASK_CHARACTERS_MAX)
    if not task:
        raise RemoteProtocolError("it names no task")
    return Key(task, _whole(value, "attempt", COUNT_MAX), _whole(value, "round", COUNT_MAX))


def _text(value: Mapping[str, Value], name: str, longest: int) -> str:
    found = value.get(name, "")
    if not isinstance(found, str) or len(found) > longest:
        raise RemoteProtocolError(f"{name} is no text of at most {longest} characters")
    return found


def _whole(value: Mapping[str, Value], name: str, most: int, *, least: int = 0) -> int:
    found = value.get(name, 0)
    if type(found) is not int or not least <= found <= most:
        raise RemoteProtocolError(f"{name} is no whole number from {least} to {most}")
    return found


def _number(value: Mapping[str, Value], name: str) -> int | float:
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise RemoteProtocolError(f"{name} is no number")
    return found


def _since(value: Mapping[str, Value]) -> int | float:
    since = _number(value, "since")
    if not 0 <= since < SINCE_MAX:
        raise RemoteProtocolError("since is no time of day")
    return since


def _count(listed: Value) -> int:
    if not isinstance(listed, list):
        raise RemoteProtocolError("units are no list")
    return len(listed)
