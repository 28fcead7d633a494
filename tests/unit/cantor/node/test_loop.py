from __future__ import annotations

import asyncio
import importlib.util

import pytest

from cantor.node.loop import loop_factory, run_loop, settle, soon_on


async def name_of_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_runs_the_program_where_it_is_installed() -> None:
    assert importlib.util.find_spec("uvloop") is not None
    assert run_loop(name_of_loop()).startswith("uvloop")


def test_without_uvloop_asyncio_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert loop_factory() is None
    assert run_loop(name_of_loop()).startswith("asyncio")


async def test_other_threads_give_calls_to_a_loop_until_it_has_ended() -> None:
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    await asyncio.to_thread(soon_on(asyncio.get_running_loop()), lambda: told.set_result(1))
    assert await told == 1
    ended = asyncio.new_event_loop()
    ended.close()
    soon_on(ended)(lambda: None)


async def test_who_waits_gets_the_outcome_or_the_error_and_a_second_one_does_no_harm() -> None:
    loop = asyncio.get_running_loop()
    well, ill, gone = (loop.create_future() for _ in range(3))
    settle(well, 5)
    settle(well, 6)
    settle(ill, ValueError("odd"))
    gone.cancel()
    settle(gone, 5)
    assert await well == 5
    with pytest.raises(ValueError, match="odd"):
        await ill
