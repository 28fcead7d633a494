"""Looking at what changes."""

from __future__ import annotations

import asyncio

from cantor.base.clock import SystemClock
from cantor.node.looking import keep_looking


async def test_it_looks_when_woken_and_goes_on_after_what_is_odd() -> None:
    wake, looked, failed = asyncio.Event(), asyncio.Event(), []
    looks: list[int] = []

    async def look() -> None:
        looks.append(1)
        looked.set()
        if len(looks) == 1:
            raise ValueError("odd")

    keeping = asyncio.ensure_future(
        keep_looking(
            look, wake, SystemClock(), is_over=lambda: len(looks) >= 3,
            failed=lambda: failed.append(1), tick_s=60.0, pause_min_s=0.0,
        )
    )  # fmt: skip
    for count in (1, 2, 3):
        await looked.wait()
        looked.clear()
        assert len(looks) == count
        wake.set()
    await keeping
    assert failed == [1]
    assert len(looks) == 3


async def test_it_looks_now_and_then_though_nobody_wakes_it() -> None:
    looks: list[int] = []

    async def look() -> None:
        looks.append(1)

    await keep_looking(
        look, asyncio.Event(), SystemClock(), is_over=lambda: len(looks) >= 3,
        failed=lambda: None, tick_s=0.01, pause_min_s=0.0,
    )  # fmt: skip
    assert len(looks) == 3
