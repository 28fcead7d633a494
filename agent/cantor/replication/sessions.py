"""Each command is applied once, however often it was submitted: part of the replicated state.

A client opens a session, whose number is the index of its entry and so is never another's, and
numbers its commands. What came of each is kept until the client says that it has it. A session that
was not used for long makes room; its client hears so, and cannot know what became of what was open.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgpack

from cantor.base.errors import RemoteProtocolError
from cantor.replication.records import Kind

if TYPE_CHECKING:
    from cantor.replication.records import Client, Entry

SESSIONS_MAX = 1024
OPEN_MAX = 64
"""So many commands of a session may be without a confirmed answer."""
BYTES_MAX = 64 * 1024 * 1024
"""Of all answers that are kept."""

Outcome: TypeAlias = bytes | int | Literal["over"]
"""What a command answers, the number of a session that was opened, or that a session is over."""


class Machine(Protocol):
    """What commands change: the same commands in the same order make the same state."""

    def apply(self, command: bytes) -> bytes:
        """Do it; what it answers. It raises nothing: a wrong command has an answer as well."""

    def snapshot(self) -> bytes:
        """All of it."""

    def restore(self, data: bytes) -> None:
        """Be what a snapshot says; what is empty for ``b""``."""


class Sessions:
    """A machine whose commands are applied once each."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._sessions: OrderedDict[int, dict[int, bytes]] = OrderedDict()
        self._floors: dict[int, int] = {}
        self._bytes = 0

    def apply(self, entry: Entry) -> Outcome:
        """An entry counts."""
        if entry.kind == Kind.OPEN:
            self._sessions[entry.index] = {}
            self._floors[entry.index] = 1
            self._make_room()
            return entry.index
        if not entry.client.session:
            return self._machine.apply(entry.content)
        return self._once(entry.client, entry.content)

    def snapshot(self) -> bytes:
        """The machine and who has done what."""
        told = [
            [session, self._floors[session], list(answers.items())]
            for session, answers in self._sessions.items()
        ]
        return bytes(msgpack.packb([told, self._machine.snapshot()]))

    def restore(self, data: bytes) -> None:
        """Be what a snapshot says.

        Raises:
            RemoteProtocolError: it is none.
        """
        try:
            told, machine = msgpack.unpackb(data) if data else ([], b"")
            sessions = OrderedDict((number, dict(answers)) for number, _, answers in told)
            self._floors = {number: floor for number, floor, _ in told}
            self._bytes = sum(len(one) for kept in sessions.values() for one in kept.values())
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise RemoteProtocolError("a snapshot of no state") from error
        self._sessions = sessions
        self._machine.restore(machine)

    def _once(self, client: Client, command: bytes) -> Outcome:
        answers = self._sessions.get(client.session)
        if answers is None:
            return "over"
        self._sessions.move_to_end(client.session)
        floor = max(self._floors[client.session], client.floor)
        self._floors[client.session] = floor
        for number in [number for number in answers if number < floor]:
            self._bytes -= len(answers.pop(number))
        if client.number in answers:
            return answers[client.number]
        if not floor <= client.number < floor + OPEN_MAX:
            return "over"
        answer = self._machine.apply(command)
        answers[client.number] = answer
        self._bytes += len(answer)
        self._make_room()
        return answer

    def _make_room(self) -> None:
        """Close those that were not used for longest; the one in use stays."""
        while len(self._sessions) > SESSIONS_MAX or (
            self._bytes > BYTES_MAX and len(self._sessions) > 1
        ):
            session, answers = self._sessions.popitem(last=False)
            del self._floors[session]
            self._bytes -= sum(map(len, answers.values()))
