"""What the last word of a task says to people: how it ended, why, and where it ran for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.node.tasks.wording import DONE, ENDED, FAILED
from cantor.scheduling.tasks.story import TRACEBACK_CHARACTERS_MAX, Failure
from cantor.workers.units import Death, End

if TYPE_CHECKING:
    from cantor.base.secret_names import Cover
    from cantor.node.tasks.wording import Message
    from cantor.scheduling.tasks.story import State

TYPE_CHARACTERS_MAX = 200
TEXT_CHARACTERS_MAX = 4 * 1024
TOOK_S_MAX = 1e9
_CONTENT = {DONE: 0, FAILED: 1}
"""Of what a script is told: the rest says where and how long it ran."""
_LENGTHS = {DONE: 1, FAILED: 2, ENDED: 3}
_STATES: dict[object, State] = {
    End.CANCELLED.value: "cancelled",
    End.EXPIRED.value: "expired",
    End.DIED.value: "died",
    End.PREEMPTED.value: "preempted",
}


def covered(cover: Cover, message: Message) -> Message:
    """What a task tells, without the values of its secrets; its result is what it returns.

    An error that holds one travels as its text alone.
    """
    kind, *content = message
    if kind == FAILED:
        packed, *texts = content[0]
        is_told = packed is not None and cover.data(packed) == packed
        return [kind, [packed if is_told else None, *map(cover.text, texts)], *content[1:]]
    return [kind, *(cover.value(part) for part in content)]


def with_work(message: Message, worker: int, took_s: float) -> Message:
    """A result, with the process that it comes from and the seconds that its function took."""
    return [*message, worker, took_s] if message[0] in _CONTENT else message


def without_work(message: Message) -> tuple[Message, int, float | None]:
    """The result alone, the process, and the seconds; 0 and None if it does not say."""
    content = _CONTENT.get(message[0])
    if content is None or len(message) != content + 3:
        return message, 0, None
    *told, worker, took_s = message
    if type(worker) is not int or type(took_s) not in (int, float) or not 0 <= took_s < TOOK_S_MAX:
        return told, 0, None
    return told, worker, took_s


def check_last(message: Message) -> None:
    """See that a last word, without its work, is one.

    Raises:
        RemoteProtocolError: it is none.
    """
    if len(message) != _LENGTHS[message[0]]:
        raise RemoteProtocolError("an odd last word of a task")


def outcome(message: Message) -> tuple[State, str, Failure | None]:
    """How a task ended by its last word, why in one line unless it is done, and what it raised."""
    kind, content, death, *_ = (*message, None, None)
    if kind == DONE:
        return "done", "", None
    if kind == FAILED:
        failure = failure_of(content)
        return "failed", failure.line, failure
    return _STATES.get(content if isinstance(content, str) else "", "failed"), _why(death), None


def failure_of(packed: object) -> Failure:
    """What a packed failure says; the word of a worker, perhaps on another node."""
    if not isinstance(packed, list | tuple) or len(packed) != 4:
        return Failure("", "not a failure of a task", "")
    _, name, text, traceback = packed
    return Failure(
        str(name)[:TYPE_CHARACTERS_MAX],
        str(text)[:TEXT_CHARACTERS_MAX],
        str(traceback)[-TRACEBACK_CHARACTERS_MAX:],
    )


def _why(death: object) -> str:
    """Of a worker that died or was ended for others: its last words, or what ended it."""
    if not isinstance(death, list | tuple) or len(death) != 4:
        return ""
    told = Death(*death)
    if told.signal is None and told.code is None and not told.at_start:
        return str(told.stderr)
    return f"its worker {told}"
