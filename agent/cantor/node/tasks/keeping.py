"""Durable tasks: written down before they are acknowledged, their results before they are told.

``run`` is called when a task is on the disk, and what becomes of it goes to :meth:`Keeping.told`;
whoever waits for it hears that once the result is on the disk, too. Tasks without a result are run
again by :meth:`Keeping.resume`. In an agent all is called on its loop; in a program of one's own
each call comes in some thread, and a lock keeps them apart.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import CantorError, RemoteProtocolError, UnavailableError
from cantor.node.tasks.listening import LAST
from cantor.node.tasks.outcomes import outcome
from cantor.node.tasks.wording import ENDED, FAILED, KEPT, terms_from, terms_value
from cantor.stores.errors import StoreError
from cantor.stores.task_records import Asked, Outcome, is_task_id
from cantor.workers.errors import UnknownTaskError, WorkerDiedError
from cantor.workers.failures import pack_failure
from cantor.workers.units import Passed

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.tasks.submits import Caller
    from cantor.node.tasks.wording import Message, Parts
    from cantor.stores.task_store import TaskStore
    from cantor.workers.units import Terms

_LOST = "it had no result when what ran it was started again; it may have begun, and may only once"
_pack = msgpack.Packer(unicode_errors="surrogatepass").pack


@dataclass(slots=True, eq=False)
class Kept:
    """One durable task without a result on the disk, and who waits for it."""

    id: str
    code: Passed
    terms: Terms
    python: str
    parts: Parts
    watchers: list[tuple[Caller, int]] = field(default_factory=list)
    place: Any = None
    """What it is where it runs; None while it does not."""
    is_again: bool = False
    """It was taken before a restart."""
    is_cancelled: bool = False
    has_ended: bool = False
    is_settled: bool = False
    """Its end is on the disk, or the disk has refused it once."""


class Keeping:
    """``run`` and ``end`` are the way to where tasks run."""

    def __init__(
        self,
        store: TaskStore,
        run: Callable[[Kept], Any],
        end: Callable[[Kept], None],
    ) -> None:
        self.store = store
        self._run_there = run
        self._end_there = end
        self._lock = threading.RLock()
        self._settled = threading.Condition(self._lock)
        self._open: dict[str, Kept] = {}
        self._is_closing = False

    def resume(self) -> int:
        """Run again what has no result; how many tasks that are.

        Raises:
            StoreError: the store cannot be read.
        """
        found = self.store.unfinished()
        for asked, data in found:
            try:
                self._resume(asked, data)
            except (RemoteProtocolError, ValueError, TypeError, msgpack.UnpackException) as error:
                spoilt = StoreError(f"what was kept of it cannot be read: {error}")
                self._end_unread(asked, spoilt, "failed")
        return len(found)

    def submit(self, kept: Kept) -> None:
        """Take a task; who watches it hears KEPT when it is on the disk."""
        arguments = _pack([bytes(part) for part in kept.parts])
        terms = _pack(terms_value(kept.terms))
        asked = Asked(kept.id, kept.terms.name, kept.code.id, terms, kept.python, arguments)
        with self._lock:
            is_new = is_task_id(kept.id) and kept.id not in self._open
            if is_new:
                self._open[kept.id] = kept
        if not is_new:
            _tell(kept.watchers, *_failed(StoreError("no new id of a task", where=kept.id[:80])))
            return
        try:
            self.store.ask(asked, kept.code.data, lambda outcome: self._asked(kept, outcome))
        except StoreError as error:
            self._asked(kept, error)

    def told(self, kept: Kept, message: Message, parts: Parts) -> None:
        """Something has become of a task where it runs."""
        if message[0] in LAST:
            self._end(kept, message, parts, outcome(message)[0])
            return
        with self._lock:
            watchers = [] if kept.has_ended else list(kept.watchers)
        _tell(watchers, message, parts)

    def find(self, caller: Caller, unit: int, task: str) -> None:
        """Tell a caller what became, or will become, of a task."""
        if not is_task_id(task):
            _tell_found(caller, unit, task, None)
            return
        with self._lock:
            kept = self._open.get(task)
            if kept is not None:
                kept.watchers.append((caller, unit))
        if kept is not None:
            caller.told(unit, [KEPT], ())
            return
        self.store.read(task, lambda outcome: _tell_found(caller, unit, task, outcome))

    def took(self, task: str) -> None:
        """Who waited for a task has its result."""
        with suppress(StoreError):  # it ends, and the result is kept for longer
            self.store.take(task)

    def cancel(self, task: str) -> None:
        """Nobody wants it any more; that is its result."""
        with self._lock:
            kept = self._open.get(task)
            if kept is None or kept.has_ended:
                return
            kept.is_cancelled = True
        if kept.place is not None:
            self._end_there(kept)

    def left(self, caller: Caller) -> None:
        """A caller is gone; its tasks are not."""
        with self._lock:
            for kept in self._open.values():
                kept.watchers = [pair for pair in kept.watchers if pair[0] is not caller]

    def wait(self) -> None:
        """Return when the end of all that was taken is on the disk, or was refused by it."""
        with self._lock:
            self._settled.wait_for(
                lambda: self._is_closing or all(kept.is_settled for kept in self._open.values())
            )

    def close(self) -> None:
        """Write and tell what has ended, and end; it blocks. The rest is run again some day."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
            self._settled.notify_all()
        self.store.close()
        with self._lock:
            left = [kept for kept in self._open.values() if not kept.has_ended]
        closed = UnavailableError("it is kept, and runs again later", remedy="ask for its id then")
        for kept in left:
            _tell(kept.watchers, *_failed(closed))

    def _resume(self, asked: Asked, data: bytes) -> None:
        terms = terms_from(msgpack.unpackb(asked.terms))
        if terms.at_most_once:
            self._end_unread(asked, WorkerDiedError(_LOST, where=asked.name), "lost")
            return
        if terms.deadline_s is not None:
            left = terms.deadline_s - (self.store.now - asked.at)
            terms = replace(terms, deadline_s=max(0.001, left))
        parts = tuple(msgpack.unpackb(asked.arguments))
        code = Passed(asked.code, data)
        kept = Kept(asked.id, code, terms, asked.python, parts, is_again=True)
        self._open[kept.id] = kept
        self._run(kept)

    def _end_unread(self, asked: Asked, error: CantorError, state: str) -> None:
        plain = replace(terms_from({}), name=asked.name)
        kept = self._open[asked.id] = Kept(asked.id, Passed(asked.code, b""), plain, "", ())
        self._end(kept, *_failed(error), state)

    def _asked(self, kept: Kept, refused: StoreError | None) -> None:
        """A task is on the disk, or the disk refused it."""
        if refused is not None:
            with self._lock:
                self._open.pop(kept.id, None)
                self._settled.notify_all()
            _tell(kept.watchers, *_failed(refused))
            return
        _tell(kept.watchers, [KEPT], ())
        if kept.is_cancelled:
            self._end(kept, [ENDED, "cancelled", None], (), "cancelled")
        elif not self._is_closing:
            self._run(kept)

    def _run(self, kept: Kept) -> None:
        try:
            kept.place = self._run_there(kept)
        except CantorError as error:
            self._end(kept, *_failed(error), "failed")
        else:
            if kept.is_cancelled and kept.place is not None:
                self._end_there(kept)

    def _end(self, kept: Kept, message: Message, parts: Parts, state: str) -> None:
        """A task has its result: it counts when it is on the disk."""
        with self._lock:
            if kept.has_ended or self._is_closing:
                return
            kept.has_ended = True
        told = _pack([message, [bytes(part) for part in parts]])
        outcome = Outcome(kept.id, kept.terms.name, state, self._attempt(kept), told)
        kept.code, kept.parts = Passed(kept.code.id, b""), ()

        def written(refused: StoreError | None) -> None:
            self._written(kept, message, parts, refused)

        try:
            self.store.end(outcome, written)
        except StoreError as error:  # it is too large: that is its result
            message, parts = _failed(error)
            short = replace(outcome, state="failed", told=_pack([message, []]))
            with suppress(StoreError):  # it is closed: the task runs again some day
                self.store.end(short, written)

    def _attempt(self, kept: Kept) -> str:
        """Which attempt it is, in which life of the store."""
        return f"{self.store.life}.{0 if kept.place is None else kept.place.attempt}"

    def _written(
        self, kept: Kept, message: Message, parts: Parts, refused: StoreError | None
    ) -> None:
        """A result is on the disk; or the disk refused it, which is said at once, and tries on."""
        with self._lock:
            watchers, kept.watchers = kept.watchers, []
            kept.is_settled = True
            if refused is None:
                self._open.pop(kept.id, None)
            self._settled.notify_all()
        if refused is not None:
            message, parts = _failed(refused)
        _tell(watchers, message, parts)


def _tell(watchers: list[tuple[Caller, int]], message: Message, parts: Parts) -> None:
    for caller, unit in tuple(watchers):
        caller.told(unit, message, parts)


def _failed(error: CantorError) -> tuple[Message, Parts]:
    return [FAILED, pack_failure(error)], ()


def _tell_found(caller: Caller, unit: int, task: str, outcome: Outcome | StoreError | None) -> None:
    if isinstance(outcome, Outcome):
        message, parts = msgpack.unpackb(
            outcome.told, unicode_errors="surrogatepass", strict_map_key=False
        )
        caller.told(unit, [KEPT], ())
        caller.told(unit, message, tuple(parts))
        return
    error: CantorError = outcome or UnknownTaskError(
        "no such task is kept here", where=task[:80],
        remedy="it was forgotten, or kept for as long as results are: cantor task kept",
    )  # fmt: skip
    caller.told(unit, *_failed(error))
