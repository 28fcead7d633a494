"""What comes before all units of a worker: one call after the other, then it takes units."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.workers.hearing import Hearing
from cantor.workers.messages import DONE, FAILED, READY, SETUP
from cantor.workers.units import End, Passed, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.desk import Desk
    from cantor.workers.processes import WorkerProcess
    from cantor.workers.units import Death


class Told:
    """Notes what it hears."""

    def __init__(self, name: str, heard: list[tuple[str, str]]) -> None:
        self._name = name
        self._heard = heard

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        self._heard.append((self._name, "resolved"))

    def failed(self, failure: Sequence[object]) -> None:
        self._heard.append((self._name, "failed"))

    def ended(self, end: End, death: Death | None) -> None:
        self._heard.append((self._name, "ended"))

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        raise AssertionError

    def progressed(self, fraction: float, text: str) -> None:
        raise AssertionError

    def wrote(self, descriptor: int, text: str) -> None:
        raise AssertionError


class Bench:
    """A desk, its core and its crew; and one worker."""

    def __init__(self, calls: int) -> None:
        self.heard: list[tuple[str, str]] = []
        self.setup = tuple(
            Unit(SETUP, Passed("c" * 64, b""), b"", (), Told(str(number), self.heard))
            for number in range(calls)
        )
        self.core = self.crew = self
        self.told: deque[Callable[[], None]] = deque()
        self.sent: list[Unit] = []
        self.is_ready = False
        self.hearing = Hearing(cast("Desk", self), lambda: cast("Backend", None), self.setup)
        self.worker = cast("WorkerProcess", _Worker())

    def ready(self, _seat: int, _now: float) -> None:
        assert not self.is_ready
        self.is_ready = True

    def set_up(self, _worker: WorkerProcess, setup: Unit) -> None:
        self.sent.append(setup)

    def setup_failed(self, _seat: int) -> list[Unit]:
        return []

    def hear(self, *messages: list[Any]) -> None:
        for message in messages:
            self.hearing.hear(self.worker, message, 0.0)
        while self.told:
            self.told.popleft()()


class _Worker:
    seat = 1
    pid = 1
    set_up = 0
    reader = None

    def greeted(self, _pid: int) -> None:
        pass


IS_READY = [READY, 1]
IS_DONE = [DONE, SETUP, 0.0, b"\xc0", []]
HAS_FAILED = [FAILED, SETUP, 0.0, [None, "KeyError", "gone", ""]]


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_a_worker_takes_units_after_the_last_call_that_comes_before_them(calls: int) -> None:
    bench = Bench(calls)

    bench.hear(IS_READY)
    for number in range(calls):
        assert bench.sent == list(bench.setup[: number + 1])
        assert not bench.is_ready
        bench.hear(IS_DONE)

    assert bench.is_ready
    assert bench.heard == [(str(number), "resolved") for number in range(calls)]


def test_if_one_fails_so_do_those_behind_it_and_none_of_them_is_called() -> None:
    bench = Bench(3)

    bench.hear(IS_READY, IS_DONE, HAS_FAILED)

    assert bench.sent == list(bench.setup[:2])
    assert bench.heard == [("0", "resolved"), ("1", "failed"), ("2", "failed")]
    assert not bench.is_ready


@pytest.mark.parametrize("calls", [0, 1])
def test_a_worker_that_tells_of_a_call_that_nobody_made_is_odd(calls: int) -> None:
    bench = Bench(calls)
    bench.hear(IS_READY, *[IS_DONE] * calls)

    with pytest.raises(RemoteProtocolError):
        bench.hear(IS_DONE)


def test_all_of_them_hear_of_the_end_of_the_last_worker() -> None:
    bench = Bench(2)

    bench.hearing.worker_was_last(cast("Death", None))
    bench.hear()

    assert bench.heard == [("0", "ended"), ("1", "ended")]
