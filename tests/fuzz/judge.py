"""How long one input may take: judged by the time of the processor, not by the clock on the wall.

libFuzzer's own ``-timeout`` counts wall time, so on a full machine, at the lowest priority, every
decoder is slow now and then. Here what this process itself has used counts.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

INPUT_CPU_S_MAX = 5.0
"""Processor time of one input, Atheris' own counting of branches included."""


class SlowInputError(BaseException):
    """One input has taken too much of the processor; nothing that is fuzzed swallows this."""


def judged(
    read: Callable[[bytes], None], cpu_s_max: float = INPUT_CPU_S_MAX
) -> Callable[[bytes], None]:
    """The same, but an input that takes more than ``cpu_s_max`` seconds of the processor is a find.

    It is broken off if it has not come to an end by then: also one that never would.

    Raises:
        SlowInputError: it took too long.
    """

    def judging(data: bytes) -> None:
        began_s = time.process_time()
        with _broken_off_after(cpu_s_max):
            read(data)
        # One call into C is not broken off, but takes its time all the same.
        if time.process_time() - began_s > cpu_s_max:
            raise _too_slow(cpu_s_max)

    return judging


@contextmanager
def _broken_off_after(cpu_s: float) -> Iterator[None]:
    """Raise in this thread, the main one, when the process has computed for so long."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _too_slow(cpu_s)

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def _too_slow(cpu_s: float) -> SlowInputError:
    return SlowInputError(f"one input took more than {cpu_s:g} s of the processor")
