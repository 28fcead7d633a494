"""What scripts, agents and the nodes that run tasks say to each other.

A message is a list of plain values that begins with one of the numbers below, and *parts*: raw
buffers. Of a call and of a result, the first part is the packed value and the others are the
buffers that belong to it (``cantor.bundles.values``).

Between a script and its agent it is a frame with the list as header ``m`` and the parts as body.
Between nodes, small messages share frames of a stream: each is msgpack, ``[list, parts]``; what has
more than :data:`SMALL_BYTES_MAX` travels as bulk, in a message with the header ``m``.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import RemoteProtocolError
from cantor.workers.units import PLAIN, TERM_TYPES, Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Buffer, Value

SOCKET_NAME = "tasks.sock"
FRAME_BYTES_MAX = 1 << 30
SMALL_BYTES_MAX = 64 * 1024
CODE, SUBMIT, CANCEL, CREDIT, KEEP, FIND, TOOK = range(7)
"""From a script:

CODE    code                               parts: what it is made of
SUBMIT  unit, code, terms, python          parts: the arguments
CANCEL  unit
CREDIT  unit, count                        it took items of a stream; with 0 it wants no more
KEEP    unit, code, terms, python, id      parts: the arguments; a durable task
FIND    unit, id                           the durable task of that id is a unit now
TOOK    unit                               it has the result of a durable task
"""
DONE, FAILED, ENDED, ITEM, SAID, WROTE, HELLO, LIVES, FELL, KEPT = range(10, 20)
"""To a script, and between nodes as what an attempt, or a call of an actor, has told:

DONE    unit                               parts: the result
FAILED  unit, failure                      see ``cantor.workers.failures``
                                           after both, between nodes: the worker, and how long it
                                           took (``outcomes``)
ENDED   unit, end, death
ITEM    unit                               parts: the item
SAID    unit, fraction, text
WROTE   unit, descriptor, text
HELLO   0, home                            to a script, first: how addresses of actors begin
LIVES   0                                  of a life: it takes calls
FELL    0, end, death, place               of a life: its worker has ended; calls from that place on
                                           had not begun
KEPT    unit                               a durable task is on the disk
"""
RUN, ABORT, TAKEN, TOLD, REFUSED, DROPPED, WANTED = range(20, 27)
"""Between nodes; an *attempt* is ``life, task, attempt`` of the submitter's node:

RUN      attempt, life of who runs it, code, terms, may wait    parts: the arguments
ABORT    attempt                           end it, never begin it
TAKEN    attempt, count                    as CREDIT
TOLD     attempt, number, what it told     numbered from 0, so that they can be put in order
REFUSED  attempt, why, text                it has not begun
DROPPED  attempt                           it was ended: its submitter could not be reached
WANTED   code                              it is not here; the answer is CODE
"""
CALL, CALL_OFF, CALLED, LINE_LOST, INVOKE, INVOKE_OFF, INVOKED, NAME, NAMED, UNNAME = range(30, 40)
"""Between nodes, about calls of actors; a *call* is the number that its sender gave it, and an
*attempt* one life of an actor:

CALL        life, line, place, call, actor, terms    parts: the arguments; caller's node to keeper
CALL_OFF    life, call, is cancelled       nobody waits for it; end it only if it is cancelled
CALLED      life, call, place, what        parts; what became of it, numbered from 0
LINE_LOST   actor, life, line              its keeper has lost sight of the caller's node
INVOKE      attempt, place, call, terms    parts: the arguments; keeper to where the actor lives
INVOKE_OFF  attempt, call
INVOKED     attempt, place, call, what, n  parts; those from ``n`` on are its state
                                           in one row of places with TOLD
NAME        name, actor                    keeper to registrar: may mine have it?
NAMED       name, address, actor           the answer for that address: who has it
UNNAME      name, address                  that actor has ended
"""
_HERE = "folders"
"""What of the terms only this machine understands: it does not travel."""
Message = list[Any]
Parts = tuple["Buffer", ...]
_pack = msgpack.Packer(unicode_errors="surrogatepass").pack


def pack_small(message: Message, parts: Parts) -> bytes | None:
    """A message for a stream; None if it is too large to share a frame with others."""
    size = 0
    for part in parts:
        size += memoryview(part).nbytes
    if size > SMALL_BYTES_MAX:
        return None
    packed: bytes = _pack([message, [bytes(part) for part in parts]])
    return packed if len(packed) <= 2 * SMALL_BYTES_MAX else None


def unpack_small(data: Buffer) -> tuple[Message, Parts]:
    """A message that came on a stream.

    Raises:
        RemoteProtocolError: it is none.
    """
    try:
        message, parts = msgpack.unpackb(data, unicode_errors="surrogatepass", strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"not a message about tasks: {error}") from error
    if not isinstance(parts, list) or not all(type(part) is bytes for part in parts):
        raise RemoteProtocolError("a message about tasks without its parts")
    return checked(message), tuple(parts)


def checked(message: object) -> Message:
    """The message in a frame's header ``m``.

    Raises:
        RemoteProtocolError: it is none.
    """
    if not isinstance(message, list) or not message or type(message[0]) is not int:
        raise RemoteProtocolError("not a message about tasks")
    return message


@lru_cache(maxsize=1024)
def terms_value(terms: Terms) -> dict[str, Value]:
    """Terms as they travel: what differs from the plain ones."""
    return {
        one.name: getattr(terms, one.name)
        for one in fields(Terms)
        if one.name != _HERE and getattr(terms, one.name) != getattr(PLAIN, one.name)
    }


def terms_from(value: object) -> Terms:
    """Terms as they came; what this version does not know has no effect.

    Raises:
        RemoteProtocolError: they are none.
    """
    if not isinstance(value, dict):
        raise RemoteProtocolError("a task without terms")
    try:
        return _terms(tuple(sorted(value.items())))
    except TypeError as error:
        raise RemoteProtocolError(f"terms of a task: {error}") from error


_TYPES = {name: kinds for name, kinds in TERM_TYPES.items() if name != _HERE}


@lru_cache(maxsize=1024)
def _terms(told: tuple[tuple[str, Any], ...]) -> Terms:
    known = {name: value for name, value in told if name in _TYPES}
    for name, value in known.items():
        if type(value) not in _TYPES[name]:
            raise RemoteProtocolError(f"terms of a task: {name} is {value!r:.40}")
    return Terms(**known)


def parts_of(body: Buffer, buffers: Sequence[Buffer]) -> Parts:
    """A packed value with its buffers, as parts."""
    return (body, *buffers)


def value_of(parts: Parts) -> tuple[bytes, Parts]:
    """The packed value and its buffers.

    Raises:
        RemoteProtocolError: there is none.
    """
    if not parts:
        raise RemoteProtocolError("a message about tasks without its value")
    return bytes(parts[0]), parts[1:]
