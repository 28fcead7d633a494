from __future__ import annotations

import signal
import threading
from contextlib import suppress

import pytest
from tests.fuzz.judge import SlowInputError, judged
from tests.fuzz.planted import CPU_S_MAX, PLANTED, WRONG

FOUND = bytes((WRONG,))


@pytest.mark.parametrize("name", PLANTED)
def test_an_input_that_takes_too_much_of_the_processor_is_a_find(name: str) -> None:
    read = judged(PLANTED[name].read, CPU_S_MAX)
    with pytest.raises(SlowInputError, match=r"more than 0\.1 s of the processor"):
        read(FOUND)
    for seed in PLANTED[name].seeds():
        read(seed)


def test_an_endless_input_is_broken_off_though_everything_is_suppressed() -> None:
    def stubborn(data: bytes) -> None:
        while data:
            with suppress(Exception):
                PLANTED["planted-endless"].read(data)

    with pytest.raises(SlowInputError):
        judged(stubborn, CPU_S_MAX)(FOUND)


def test_waiting_is_not_computing() -> None:
    def patient(_data: bytes) -> None:
        threading.Event().wait(3 * CPU_S_MAX)

    judged(patient, CPU_S_MAX)(FOUND)


def test_a_mistake_of_the_decoder_comes_through_and_the_judge_leaves_nothing_behind() -> None:
    def mistaken(_data: bytes) -> None:
        raise KeyError("a find")

    before = signal.getsignal(signal.SIGPROF)
    with pytest.raises(KeyError, match="a find"):
        judged(mistaken)(FOUND)
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGPROF) is before
