"""What workers say, told to the queue and kept for the listeners."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError, RemoteProtocolError
from cantor.workers import messages as ops
from cantor.workers.checks import check, terms_of
from cantor.workers.children import ChildListener
from cantor.workers.failures import pack_failure
from cantor.workers.living import backend_for
from cantor.workers.messages import found
from cantor.workers.units import End, Passed

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.desk import Desk
    from cantor.workers.messages import Message
    from cantor.workers.processes import WorkerProcess
    from cantor.workers.units import Death, Shipped, Terms, Unit

    ChildCall = tuple[Shipped, bytes, Sequence[Buffer], ChildListener, Terms]


PASSED_BYTES_MAX = 512 * 1024 * 1024
"""Of code of what one worker submits: the pool keeps it as long as the worker lives."""
_ENDS = (ops.DONE, ops.FAILED)


class Hearing:
    """Used by the pool's thread, with the pool's lock."""

    def __init__(
        self,
        desk: Desk,
        children: Callable[[], Backend],
        setup: tuple[Unit, ...],
    ) -> None:
        """``children`` tells who takes what workers submit; ``setup`` come before all others."""
        self._desk = desk
        self._core = desk.core
        self._told = desk.told
        self._children = children
        self._setup = setup
        self.done = 0
        """Units that ended with a word of their worker, of those that still counted."""

    def hear(self, worker: WorkerProcess, message: Message, now: float) -> None:
        """Take note of a message.

        Raises:
            RemoteProtocolError: it is none that a worker may send now.
        """
        check(message)
        op, seat = message[0], worker.seat
        try:
            if op in _ENDS:
                self._ended(worker, message, now)
            elif op == ops.READY:
                worker.greeted(message[1])
                self._set_up_on(worker, now)
            elif op == ops.RETURNED:
                self._core.returned(seat, message[1], now)
            elif op == ops.CHILD:
                self._child(worker, *message[1:])
            elif op == ops.DROP:
                self._told.append(partial(self._drop, worker, message[1]))
            elif op == ops.TAKEN:
                self._told.append(partial(self._taken, worker, *message[1:]))
            else:
                self._along(worker, *message)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise RemoteProtocolError(f"message {op} of a worker: {error!r}") from error

    def _ended(self, worker: WorkerProcess, message: Message, now: float) -> None:
        op, number, took_s, *content = message
        if number == ops.SETUP:
            self._is_set_up(worker, message, now)
            return
        unit = self._core.finished(worker.seat, number, took_s, now)
        if unit is None:
            return
        self.done += 1
        unit.worker, unit.took_s = worker.pid, took_s
        if op == ops.DONE:
            body, told = content
            self._told.append(partial(unit.listener.resolved, body, found(told, worker.reader)))
        else:
            self._told.append(partial(unit.listener.failed, content[0]))

    def worker_was_last(self, death: Death) -> None:
        """The last worker that was allowed has ended."""
        for one in self._setup:
            self._told.append(partial(one.listener.ended, End.DIED, death))

    def _set_up_on(self, worker: WorkerProcess, now: float) -> None:
        """The next call before all units; after the last of them it takes units."""
        if worker.set_up < len(self._setup):
            self._desk.crew.set_up(worker, self._setup[worker.set_up])
        else:
            self._core.ready(worker.seat, now)

    def _is_set_up(self, worker: WorkerProcess, message: Message, now: float) -> None:
        left = self._setup[worker.set_up :]
        if not left:
            raise LookupError(ops.SETUP)
        if message[0] == ops.DONE:
            worker.set_up += 1
            self._set_up_on(worker, now)
            self._told.append(partial(left[0].listener.resolved, message[3], ()))
            return
        worker.set_up = len(self._setup)
        for one in left:
            self._told.append(partial(one.listener.failed, message[3]))
        for unit in self._core.setup_failed(worker.seat):
            self.done += 1
            self._told.append(partial(unit.listener.failed, message[3]))

    def _along(self, worker: WorkerProcess, op: int, number: int | None, *content: Any) -> None:  # noqa: ANN401
        """Something that a unit says while it runs."""
        unit = _speaker(worker.seat.running, number)
        if unit is None and (op == ops.WROTE or number == ops.SETUP):
            return  # between two units, or before them
        if unit is None:
            raise LookupError(number)
        if unit.has_ended:
            return
        listener = unit.listener
        if op == ops.ITEM:
            unit.items_ahead += 1
            if not unit.terms.is_stream or unit.items_ahead > ops.ITEMS_AHEAD:
                raise LookupError(number)
            body, buffers = content
            self._told.append(partial(listener.item, body, found(buffers, worker.reader)))
        elif op == ops.SAID:
            self._told.append(partial(listener.progressed, *content))
        else:
            self._told.append(partial(listener.wrote, *content))

    def _child(
        self,
        worker: WorkerProcess,
        number: int,
        parent: int,
        code_id: str,
        data: bytes | None,
        terms: list[Any],
        body: bytes,
        told: Sequence[Any],
    ) -> None:
        if data is not None:
            worker.passed_bytes += len(data)
            if worker.passed_bytes > PASSED_BYTES_MAX:
                raise LookupError(code_id)
            worker.passed[code_id] = Passed(code_id, data)
        listener = ChildListener(number, partial(self._desk.answer, worker.seat, parent))
        self._core.child_began(worker.seat, parent)
        known = terms_of(terms)
        submitter = _speaker(worker.seat.running, parent)
        project = known.project or ("" if submitter is None else submitter.terms.project)
        listening = None if submitter is None else submitter.listener
        above: str = getattr(listening, "task", "")  # which task on the mesh it is, if it is one
        if (project, above) != (known.project, known.parent):
            known = replace(known, project=project, parent=above)
        call = worker.passed[code_id], body, found(told, worker.reader), listener, known
        self._told.append(partial(self._submit, worker, number, call))

    def _submit(self, worker: WorkerProcess, number: int, call: ChildCall) -> None:
        """Without the lock: it may go to another pool."""
        code, body, buffers, listener, terms = call
        try:
            to = backend_for(terms, self._children)
            child = to.submit(code, body, buffers, listener, terms)
        except CantorError as error:
            listener.failed(pack_failure(error))
            return
        if not listener.has_ended:
            worker.children[number] = to, child
            if not terms.actor:  # a call runs on in its actor, which others call too
                worker.orphans.add(number)

    def worker_ended(self, worker: WorkerProcess) -> None:
        """What its units have submitted ends with them."""
        self._told.append(partial(self._end_children, worker))

    @staticmethod
    def _end_children(worker: WorkerProcess) -> None:
        for number, (backend, child) in list(worker.children.items()):
            if number in worker.orphans:
                backend.cancel(child)

    def _drop(self, worker: WorkerProcess, number: int) -> None:
        found = worker.children.get(number)
        if found is not None:
            backend, child = found
            backend.cancel(child)

    def _taken(self, worker: WorkerProcess, number: int, count: int) -> None:
        found = worker.children.get(number)
        if found is not None:
            backend, child = found
            backend.credit(child, count)


def _speaker(running: deque[Unit], number: int | None) -> Unit | None:
    """Which of the units of a worker says something; the first if it gives no number."""
    if number is None:
        return running[0] if running else None
    return next((unit for unit in running if unit.id == number), None)
