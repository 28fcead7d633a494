"""Stories of tasks as another node tells them: checked, and cut to what people can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError
from cantor.node.tasks.outcomes import TEXT_CHARACTERS_MAX, TYPE_CHARACTERS_MAX
from cantor.node.tasks.story_values import MODES
from cantor.scheduling.tasks.finding import PAGE_MAX
from cantor.scheduling.tasks.story import (
    ATTEMPTS_MAX,
    OUTPUT_CHARACTERS_MAX,
    STATES,
    TRACEBACK_CHARACTERS_MAX,
    WHY_CHARACTERS_MAX,
    task_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value

    Check = Callable[[Any], Value]

NAME_CHARACTERS_MAX = 300
NEEDS_CHARACTERS_MAX = 4096
NODE_CHARACTERS_MAX = 64
COUNT_MAX = 2**53
TIME_MAX = 1e11
"""Seconds since 1970."""


def row_from(home: NodeId, value: object) -> dict[str, Value]:
    """What a list says of a task that was submitted at ``home``; with its ``id`` and its ``home``.

    Raises:
        RemoteProtocolError: it is none.
    """
    row = _checked(value, _ROW)
    name = task_id(home, row["life"], row["number"])  # type: ignore[arg-type] # as was checked
    return {"id": name, "home": home, **row}


def rows_from(home: NodeId, value: object) -> list[dict[str, Value]]:
    """Some of them.

    Raises:
        RemoteProtocolError: they are none.
    """
    if not isinstance(value, list):
        raise RemoteProtocolError("no list of tasks")
    return [row_from(home, one) for one in value[:PAGE_MAX]]


def story_from(home: NodeId, value: object) -> dict[str, Value]:
    """The story of a task that was submitted at ``home``.

    Raises:
        RemoteProtocolError: it is none.
    """
    row = value.get("task") if isinstance(value, dict) else None
    return {**_checked(value, _STORY), "task": row_from(home, row)}


def counts_from(value: object) -> dict[str, Value]:
    """How many tasks are in each state.

    Raises:
        RemoteProtocolError: it does not say.
    """
    return _checked(value, dict.fromkeys(STATES, _count))


def changes_from(home: NodeId, value: Mapping[str, Value]) -> dict[str, Value]:
    """What has changed at ``home``: its life, its revision, rows, counts, and the ids of all tasks
    that it tells of.

    Raises:
        RemoteProtocolError: it does not say.
    """
    told: dict[str, Any] = _checked(value, _CHANGES)
    rows: list[Value] = [*rows_from(home, value.get("rows"))]
    window: list[Value] = [task_id(home, told["life"], number) for number in told["window"]]
    return {**told, "rows": rows, "window": window, "counts": counts_from(value.get("counts"))}


def _checked(value: object, fields: Mapping[str, Check]) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"no story of a task: {value!r:.40}")
    return {name: _field(name, value.get(name), check) for name, check in fields.items()}


def _field(name: str, value: object, check: Check) -> Value:
    try:
        return check(value)
    except (TypeError, ValueError) as error:
        raise RemoteProtocolError(f"the story of a task: {name} is {value!r:.40}") from error


def _text(most: int) -> Check:
    def check(value: Any) -> Value:  # noqa: ANN401 (whatever the other node says)
        if not isinstance(value, str):
            raise TypeError(value)
        return value[:most]

    return check


def _number(value: Any) -> float:  # noqa: ANN401
    if type(value) not in (int, float) or not 0 <= value < TIME_MAX:
        raise ValueError(value)
    return float(value)


def _count(value: Any) -> int:  # noqa: ANN401
    if type(value) is not int or not 0 <= value < COUNT_MAX:
        raise ValueError(value)
    return value


def _flag(value: Any) -> bool:  # noqa: ANN401
    if type(value) is not bool:
        raise TypeError(value)
    return value


def _word(*words: str) -> Check:
    def check(value: Any) -> Value:  # noqa: ANN401
        if value not in words:
            raise ValueError(value)
        return str(value)

    return check


def _or_none(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _list(check: Check, most: int) -> Check:
    def checked(value: Any) -> Value:  # noqa: ANN401
        if not isinstance(value, list):
            raise TypeError(value)
        return [check(one) for one in value[-most:]]

    return checked


def _piece(value: Any) -> Value:  # noqa: ANN401
    descriptor, text = value
    return [_count(descriptor), _text(OUTPUT_CHARACTERS_MAX)(text)]


_line, _node, _time = _text(WHY_CHARACTERS_MAX), _text(NODE_CHARACTERS_MAX), _or_none(_number)
_id = _text(NAME_CHARACTERS_MAX)
_ROW: dict[str, Check] = {
    "life": _count, "number": _count, "name": _id, "kind": _word("task", "actor"),
    "state": _word(*STATES), "why": _line, "project": _id, "node": _node, "attempts": _count,
    "submitted": _number, "started": _time, "ended": _time, "progress": _time,
    "needs": _text(NEEDS_CHARACTERS_MAX), "priority": _count, "durable_id": _node,
    "parent": _id, "group": _node, "actor": _id,
}  # fmt: skip
_CHANGES: dict[str, Check] = {
    "life": _count, "revision": _count, "window": _list(_count, PAGE_MAX),
}  # fmt: skip
_ATTEMPT: dict[str, Check] = {
    "number": _count, "node": _node, "worker": _count, "sent": _number, "started": _time,
    "ended": _time, "end": _word("", "refused", *STATES), "why": _line,
}  # fmt: skip
_ERROR: dict[str, Check] = {
    "type": _text(TYPE_CHARACTERS_MAX),
    "text": _text(TEXT_CHARACTERS_MAX),
    "traceback": _text(TRACEBACK_CHARACTERS_MAX),
}
_PIECES_MAX = OUTPUT_CHARACTERS_MAX
_STORY: dict[str, Check] = {
    "principal": _node, "mode": _word(*MODES.values()), "python": _node, "retries": _count,
    "at_most_once": _flag, "deadline_s": _time, "progress_text": _line,
    "attempts": _list(lambda value: _checked(value, _ATTEMPT), ATTEMPTS_MAX),
    "attempts_left_out": _count, "error": _or_none(lambda value: _checked(value, _ERROR)),
    "output": _list(_piece, _PIECES_MAX), "is_output_cut": _flag,
}  # fmt: skip
