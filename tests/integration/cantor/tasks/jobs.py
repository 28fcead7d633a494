"""What the tests run in workers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import cantor
from cantor.base.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.tasks.handle import Handle

NEVER = "/dev/null/never"
"""A file that comes on no machine: that is no folder."""


def add(one: int, other: int) -> int:
    return one + other


def fail(text: str) -> None:
    raise ValueError(text)


class OddError(Exception):
    def __init__(self, number: int, *, where: str) -> None:
        super().__init__(f"{number} is odd")
        self.where = where


def fail_oddly() -> None:
    raise OddError(3, where="here")


def kill_myself(number: int) -> None:
    os.write(2, b"last words\n")
    os.kill(os.getpid(), number)


def leave(code: int) -> None:
    os._exit(code)


def leave_politely() -> None:
    sys.exit(3)


def pid() -> int:
    return os.getpid()


def wait_for(path: str) -> int:
    """Runs until that file is there."""
    while not Path(path).exists():
        time.sleep(0.005)
    return os.getpid()


def note_and_wait(begun: str, path: str) -> None:
    Path(begun).touch()
    wait_for(path)


def die_once(path: str) -> str:
    """Kills its worker when the file is not there yet."""
    if Path(path).exists():
        return "second attempt"
    Path(path).touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def clean_up(begun: str, cleaned: str) -> None:
    try:
        note_and_wait(begun, NEVER)
    finally:
        Path(cleaned).touch()


def clean_up_below(begun: str, cleaned: str) -> None:
    """Waits for a task of its own, which never ends by itself."""
    cantor.task(clean_up).submit(begun, cleaned).result()


def take_memory(mebibytes: int) -> int:
    return len(bytearray(mebibytes * 2**20))


def talk() -> None:
    print("to stdout")  # noqa: T201 (what the test is about)
    print("to stderr", file=sys.stderr)  # noqa: T201
    os.write(1, b"from C\n")
    cantor.progress(0.5, "half")


def count_to(number: int) -> Iterator[int]:
    yield from range(number)


def fail_after(number: int) -> Iterator[int]:
    yield from range(number)
    raise ValueError("no more")


def count_for_ever(closed: str) -> Iterator[int]:
    number = 0
    try:
        while True:
            yield number
            number += 1
    finally:
        Path(closed).touch()


async def sum_slowly(one: int, other: int) -> int:
    await asyncio.sleep(0)
    return one + other


@cantor.task
def fibonacci(number: int) -> int:
    """Each call is a task that submits two others and waits for them."""
    if number < 2:
        return number
    parts = [fibonacci.submit(number - 1), fibonacci.submit(number - 2)]
    return sum(part.result() for part in parts)


@cantor.task
def fail_below(text: str) -> None:
    cantor.task(fail).submit(text).result()


@cantor.task
def which_end_first(numbers: list[int]) -> list[int]:
    futures = [fibonacci.submit(number) for number in numbers]
    return sorted(future.result() for future in cantor.as_completed(futures))


class CounterHere:
    """Counts, and knows where it lives."""

    def __init__(self, start: int = 0) -> None:
        if start < 0:
            raise ValueError("it counts from 0 on")
        self.count = start

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def pid(self) -> int:
        return os.getpid()

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def add_below(self, number: int) -> int:
        """A task below does it."""
        self.count = cantor.task(add).submit(self.count, number).result()
        return self.count


class GateHere:
    """Its methods overlap."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.order: list[str] = []

    async def wait(self, name: str) -> str:
        self.order.append(name)
        print(f"{name} waits")  # noqa: T201
        try:
            await self.opened.wait()
        finally:
            self.order.append(f"{name} ends")
        return name

    def open(self) -> list[str]:
        self.opened.set()
        return list(self.order)

    def seen(self) -> list[str]:
        return list(self.order)

    async def fail(self, text: str) -> None:
        await asyncio.sleep(0)
        raise ValueError(text)

    async def add_to(self, counter: Handle, number: int) -> int:
        """Another actor counts."""
        total: int = await counter.add.submit(number)
        return total

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@cantor.task
def add_to(counter: Handle, number: int) -> int:
    """A task calls an actor that lives elsewhere."""
    total: int = counter.add(number)
    return total


@cantor.task
def close_actor(counter: Handle) -> str:
    try:
        counter.close()
    except LocalProtocolError as error:
        return str(error)
    return ""


@cantor.task
def start_an_actor(number: int) -> int:
    """An actor of its own, which it gives to a task below."""
    with Counter.start(number) as counter:
        total: int = counter.add(1)
        return total


Gate = cantor.actor(GateHere)
RestartedGate = cantor.actor(restarts=1)(GateHere)
Counter = cantor.actor(CounterHere)
RestartedCounter = cantor.actor(restarts=1)(CounterHere)


SETTINGS: dict[str, int] = {}


def set_up(value: int) -> None:
    SETTINGS["value"] = value


def what_was_set_up(_: int) -> int:
    return SETTINGS["value"]


def span(path: str, is_slow: bool = False) -> tuple[float, float]:
    """Since when until when it ran, on the clock of the machine; with its ``finally`` blocks."""
    began = time.monotonic()
    try:
        if is_slow:
            Path(path).touch()
            wait_for(NEVER)
        time.sleep(0.01)
    finally:
        Path(f"{path}.ended").write_text(str(time.monotonic()), encoding="ascii")
    return began, time.monotonic()


@cantor.task
def submit_with_needs(needs: str, path: str) -> bool:
    """A task below takes what this one does not."""
    began, ended = cantor.task(needs=needs)(span).submit(path).result()
    return began < ended


@cantor.task
def sum_below(number: int) -> int:
    """Reads what a task below yields while that runs."""
    total: int = sum(cantor.task(count_to).stream(number))
    return total


@cantor.task
def first_below(closed: str, number: int) -> list[int]:
    """Reads a few items of a task below that would yield for ever."""
    with cantor.task(count_for_ever).stream(closed) as items:
        return [next(items) for _ in range(number)]


@cantor.task
def forget_below(closed: str) -> int:
    """Never closes what it reads."""
    first: int = next(cantor.task(count_for_ever).stream(closed))
    return first


@cantor.task
def fail_below_after(number: int) -> list[int]:
    """What a task below yields before it fails."""
    items: list[int] = []
    try:
        items.extend(cantor.task(fail_after).stream(number))
    except ValueError as error:
        items.append(len(str(error)))
    return items


@cantor.task
def arrays_below(number: int) -> float:
    """Reads items that pass through shared memory."""
    return float(sum(array.sum() for array in cantor.task(yield_arrays).stream(number)))


def yield_arrays(number: int) -> Iterator[np.ndarray]:
    for value in range(number):
        yield np.full(40_000, float(value))


def meet(folder: str, name: str, number: int) -> tuple[int, int]:
    """Runs until so many have come to that folder: process and thread."""
    (Path(folder) / name).touch()
    while len(list(Path(folder).iterdir())) < number:
        time.sleep(0.002)
    return os.getpid(), threading.get_ident()


def talk_in_turns(folder: str, name: str, number: int) -> None:
    """Prints half a line, lets others print, and prints the rest."""
    print(f"{name} begins", end=" ")  # noqa: T201
    meet(folder, name, number)
    print(f"and {name} ends")  # noqa: T201
    print(f"{name} warns", file=sys.stderr)  # noqa: T201


def run_until_cancelled(begun: str, ended: str) -> None:
    Path(begun).touch()
    while not cantor.is_cancelled():
        time.sleep(0.002)
    Path(ended).touch()


def tell_progress_for_ever(begun: str, ended: str) -> None:
    Path(begun).touch()
    try:
        while True:
            cantor.progress(0.5)
            time.sleep(0.002)
    finally:
        Path(ended).touch()


def add_below(one: int, other: int, mode: str) -> int:
    """Waits for a task of that mode."""
    return cantor.task(mode=mode)(add).submit(one, other).result()


def both_below(number: int, mode: str, other: str) -> int:
    """Each waits for one of the other mode, so many deep."""
    if number == 0:
        return 0
    return 1 + cantor.task(mode=other)(both_below).submit(number - 1, other, mode).result()


def fail_when(path: str, text: str) -> None:
    """Waits for that file, and fails."""
    wait_for(path)
    raise ValueError(text)


@cantor.task
def begin_a_group() -> str:
    """A task cannot."""
    try:
        cantor.group([cantor.task(add).call(1, 2)])
    except LocalProtocolError as error:
        return str(error)
    return ""


LEAKED: list[bytearray] = []


def leak(mebibytes: int) -> int:
    """Keeps memory for ever."""
    LEAKED.append(bytearray(b"x") * (mebibytes * 2**20))
    return os.getpid()
