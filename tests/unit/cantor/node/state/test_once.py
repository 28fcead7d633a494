"""What is asked twice is done once."""

from __future__ import annotations

import asyncio

import pytest

from cantor.base.errors import ConflictError, UnavailableError
from cantor.node.state import once as once_module
from cantor.node.state.once import KEPT_S, Once
from cantor.node.state.wording import Answer


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 5.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


async def test_what_comes_again_gets_the_same_answer_and_is_done_once() -> None:
    done: list[int] = []
    go = asyncio.Event()

    async def work() -> Answer:
        await go.wait()
        done.append(1)
        return Answer({"n": len(done)})

    once = Once(Clock())
    asking = [asyncio.create_task(once.do(("a", 1), work)) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    go.set()
    assert [(await one).headers["n"] for one in asking[1:]] == [1, 1]
    assert (await once.do(("a", 1), work)).headers == {"n": 1}
    assert (await once.do(("a", 2), work)).headers == {"n": 2}
    assert asking[0].cancelled()


async def test_an_error_is_told_again_too() -> None:
    done: list[int] = []

    async def work() -> Answer:
        done.append(1)
        raise ConflictError("changed")

    once = Once(Clock())
    for _ in range(2):
        with pytest.raises(ConflictError):
            await once.do((1,), work)
    assert done == [1]


async def test_it_forgets_in_time_and_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_module, "KEPT_MAX", 3)
    monkeypatch.setattr(once_module, "KEPT_BYTES_MAX", 100)
    clock, done = Clock(), []

    def work() -> Answer:
        done.append(1)
        return Answer(parts=(b"x" * 60,))

    once = Once(clock)
    await once.do((1,), work)
    clock.now += KEPT_S + 1
    await once.do((1,), work)
    assert len(done) == 2, "its time was over"
    for number in (2, 3, 4):
        await once.do((number,), work)
    await once.do((1,), work)
    assert len(done) == 6, "there was no room for the first"

    hanging = Once(clock)
    never = asyncio.Event()

    async def wait() -> Answer:
        await never.wait()
        return Answer()

    tasks = [asyncio.create_task(hanging.do((number,), wait)) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError, match="too much"):
        await hanging.do((9,), wait)
    never.set()
    await asyncio.gather(*tasks)


async def test_a_slow_one_does_not_keep_those_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_module, "KEPT_BYTES_MAX", 100)
    done: list[int] = []
    go = asyncio.Event()

    async def slow() -> Answer:
        await go.wait()
        return Answer()

    def work() -> Answer:
        done.append(1)
        return Answer(parts=(b"x" * 60,))

    once = Once(Clock())
    first = asyncio.create_task(once.do((0,), slow))
    await asyncio.sleep(0)
    for number in (1, 2, 3, 1):
        await once.do((number,), work)
    assert len(done) == 4, "the first answer was forgotten when there was no room"
    go.set()
    await first
