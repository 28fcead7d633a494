"""Questions about what nodes keep, and their answers.

A script, or a task, asks its agent with a unit whose ``Terms.asks`` is the kind. The unit's body is
msgpack, ``[operation, node, args, seconds]``, its buffers are the packed value that the question
brings, if any. The answer's body is msgpack, a map; its buffers are packed values.

Agents pass values on as they are: only programs unpack them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import msgpack

from cantor.base.errors import ConfigError, NotSerialisable, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cantor.base.ids import NodeId
    from cantor.node.tasks.wording import Parts
    from cantor.wire.frame import Buffer, Value

ASK_S = 10.0
"""An answer takes no longer, unless who asks waits for something to happen."""
WAIT_MAX_S = 60.0
QUESTION_BYTES_MAX = 64 * 1024
"""Of all of a question but its value."""
VALUE_BYTES_MAX = 1 << 20
"""Of what is kept under a key, or waits in a queue: objects are for more."""
TEXT_BYTES_MAX = 512
"""Of a name, or of a key."""
Args: TypeAlias = "dict[str, Value]"
T = TypeVar("T", int, str, float, bool)


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks of a node. ``by`` is the node that it comes from."""

    operation: str
    args: Args
    parts: Parts
    by: NodeId
    timeout_s: float = ASK_S

    def get(self, name: str, kind: type[T], default: T | None = None) -> T:
        """One of the arguments.

        Raises:
            RemoteProtocolError: it is missing, or of another type.
        """
        value = self.args.get(name, default)
        if type(value) is not kind:
            raise RemoteProtocolError(f"a question without {name!r}", where=self.operation)
        return value

    def text(self, name: str, what: str) -> str:
        """A name or a key that a person chose.

        Raises:
            ConfigError: it is empty, too long, or has characters that cannot be shown.
        """
        return checked_text(self.get(name, str), what)

    @property
    def wait_s(self) -> float:
        """How long who asks wants to wait for something to happen."""
        value = self.args.get("wait", 0.0)
        if type(value) not in (int, float) or not 0 <= value < math.inf:  # type: ignore[operator]
            raise RemoteProtocolError("a question that waits for no time", where=self.operation)
        return min(float(value), WAIT_MAX_S)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question."""

    headers: Args = field(default_factory=dict)
    parts: Parts = ()


class Kind(Protocol):
    """One kind of what a node keeps."""

    @property
    def changing(self) -> frozenset[str]:
        """The operations that must not be done twice."""

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer what any node of this tenant asks. ``CantorError`` goes to who asked."""

    async def close(self) -> None:
        """Write what is left."""


def checked_text(text: str, what: str) -> str:
    """A name or a key, as a person may choose it.

    Raises:
        ConfigError: it is empty, too long, or has characters that cannot be shown.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = 0
    if 0 < size <= TEXT_BYTES_MAX and text.isprintable():
        return text
    raise ConfigError(
        f"no {what} can be {text[:40]!r}",
        remedy=f"use 1 to {TEXT_BYTES_MAX} bytes of text without line ends and other controls",
    )


def check_value(parts: Parts, where: str) -> None:
    """Look whether a value can be kept.

    Raises:
        NotSerialisable: it is too large.
    """
    size = sum(memoryview(part).nbytes for part in parts)
    if size > VALUE_BYTES_MAX:
        raise NotSerialisable(
            f"the value takes {size} bytes (limit {VALUE_BYTES_MAX})",
            where=where, remedy="keep large values as objects",
        )  # fmt: skip


def pack_question(operation: str, node: str, args: Args, timeout_s: float) -> bytes:
    """The body of a question.

    Raises:
        ConfigError: it is too long.
    """
    try:
        packed: bytes = msgpack.packb([operation, node, args, timeout_s])
    except UnicodeEncodeError as error:
        raise ConfigError("a text with half of a surrogate pair", where=operation) from error
    if len(packed) > QUESTION_BYTES_MAX:
        raise ConfigError(
            f"a question of {len(packed)} bytes (limit {QUESTION_BYTES_MAX})", where=operation
        )
    return packed


def unpack_question(body: Buffer) -> tuple[str, str, Args, float]:
    """What :func:`pack_question` packed.

    Raises:
        RemoteProtocolError: the bytes are no question.
    """
    told = _unpacked(body, QUESTION_BYTES_MAX)
    if not isinstance(told, list) or len(told) != 4:
        raise RemoteProtocolError("not a question about what nodes keep")
    operation, node, args, timeout_s = told
    if type(operation) is not str or type(node) is not str or type(args) is not dict:
        raise RemoteProtocolError("not a question about what nodes keep")
    if type(timeout_s) not in (int, float) or not 0 < timeout_s < math.inf:
        raise RemoteProtocolError("a question without its time", where=operation)
    return operation, node, args, float(timeout_s)


def pack_answer(answer: Answer) -> Parts:
    """An answer as the parts of a result."""
    return (msgpack.packb(answer.headers), *answer.parts)


def unpack_answer(body: Buffer, parts: Parts) -> Answer:
    """What :func:`pack_answer` packed.

    Raises:
        RemoteProtocolError: the bytes are no answer.
    """
    headers = _unpacked(body, len(body))
    if not isinstance(headers, dict):
        raise RemoteProtocolError("not an answer about what nodes keep")
    return Answer(headers, parts)


def _unpacked(body: Buffer, bytes_max: int) -> Any:  # noqa: ANN401 (msgpack's own)
    if len(body) > bytes_max:
        raise RemoteProtocolError(f"a question of {len(body)} bytes (limit {bytes_max})")
    try:
        return msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"neither a question nor an answer: {error}") from error
