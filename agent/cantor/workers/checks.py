"""What a worker may say: strangers' code runs in it, so each part is looked at before it counts."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError
from cantor.bundles.code import CODE_BYTES_MAX
from cantor.bundles.values import PACKED_BYTES_MAX
from cantor.wire.frame import BUFFERS_MAX
from cantor.workers.failures import FAILURE_CHARACTERS_MAX
from cantor.workers.messages import (
    CHILD,
    DONE,
    DROP,
    FAILED,
    ITEM,
    READY,
    RETURNED,
    SAID,
    TAKEN,
    WROTE,
)
from cantor.workers.units import TERM_TYPES, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cantor.workers.messages import Message

ID_CHARACTERS_MAX = 256
"""Of code; of calls of an actor, of its address."""
_KINDS_NAMED_MAX = 16
_NOTHING = type(None)
_SHAPES: dict[int, Collection[tuple[type, ...]]] = {
    READY: {(int, int)},
    DONE: {(int, int, float, bytes, list)},
    FAILED: {(int, int, float, list)},
    ITEM: {(int, int, bytes, list)},
    RETURNED: {(int, list)},
    SAID: {(int, int, float, str)},
    WROTE: {(int, int, int, str), (int, _NOTHING, int, str)},
    CHILD: {
        (int, int, int, str, bytes, list, bytes, list),
        (int, int, int, str, _NOTHING, list, bytes, list),
    },
    DROP: {(int, int)},
    TAKEN: {(int, int, int)},
}
"""The types of a message and of its parts."""


def check(message: Message) -> None:
    """Look at a message of a worker.

    Raises:
        RemoteProtocolError: it is none, or a part of it has a wrong type or is too large.
    """
    op, kinds = message[0], tuple(map(type, message))
    if type(op) is not int or kinds not in _SHAPES.get(op, ()):
        told = ", ".join(kind.__name__ for kind in kinds[:_KINDS_NAMED_MAX])
        raise RemoteProtocolError(f"no message of a worker has these parts: {told}")
    more = _MORE.get(op)
    if more is not None and not more(*message[1:]):
        raise RemoteProtocolError(f"message {op} of a worker is odd, or too large")


def terms_of(values: list[Any]) -> Terms:
    """The terms of what a worker submits.

    Raises:
        RemoteProtocolError: they are none.
    """
    if len(values) != len(_TERMS) or any(
        type(value) not in kinds for value, kinds in zip(values, _TERMS, strict=True)
    ):
        raise RemoteProtocolError("terms that no worker submits under", where="worker")
    return Terms(*values)


_TERMS = [TERM_TYPES[one.name] for one in fields(Terms)]


def _is_value(body: bytes, told: list[Any]) -> bool:
    """A packed value, and its buffers: bytes, or where they lie in shared memory."""
    if len(body) > PACKED_BYTES_MAX or len(told) > BUFFERS_MAX:
        return False
    return not told or all(type(one) is bytes or type(one) is list for one in told)


def _is_failure(failure: list[Any]) -> bool:
    """As ``pack_failure`` makes it."""
    if len(failure) != 4:
        return False
    packed, *texts = failure
    if packed is not None and (type(packed) is not bytes or len(packed) > PACKED_BYTES_MAX):
        return False
    return all(type(text) is str and len(text) <= FAILURE_CHARACTERS_MAX for text in texts)


def _is_done(_: int, took_s: float, body: bytes, told: list[Any]) -> bool:
    return 0.0 <= took_s < math.inf and _is_value(body, told)


def _is_failed(_: int, took_s: float, failure: list[Any]) -> bool:
    return 0.0 <= took_s < math.inf and _is_failure(failure)


def _is_child(
    _: int, __: int, code: str, data: bytes | None, ___: list[Any], body: bytes, told: list[Any]
) -> bool:
    is_code = len(code) <= ID_CHARACTERS_MAX and len(data or b"") <= CODE_BYTES_MAX
    return is_code and _is_value(body, told)


_MORE: dict[int, Callable[..., bool]] = {
    DONE: _is_done,
    FAILED: _is_failed,
    ITEM: lambda _, body, told: _is_value(body, told),
    RETURNED: lambda units: all(type(one) is int for one in units),
    WROTE: lambda _, descriptor, __: descriptor in (1, 2),
    CHILD: _is_child,
    TAKEN: lambda _, count: count >= 0,
}
