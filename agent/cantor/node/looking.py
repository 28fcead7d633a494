"""Looking at what changes: at once when it does, now and then in any case, with pauses."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.base.clock import Clock

PAUSE_FACTOR = 3.0
"""A look is followed by a pause so many times as long: facts that keep changing cost a quarter of
a core at most."""


async def keep_looking(
    look: Callable[[], Awaitable[None]],
    wake: asyncio.Event,
    clock: Clock,
    *,
    is_over: Callable[[], bool],
    failed: Callable[[], None],
    tick_s: float,
    pause_min_s: float,
) -> None:
    """Look whenever ``wake`` is set, and after ``tick_s`` at the latest, until it ``is_over``.

    ``failed`` is called inside of what a look raised; that ends no further one.
    """
    while not is_over():
        wake.clear()
        began_s = clock.monotonic()
        try:
            await look()
        except Exception:  # noqa: BLE001 (what is odd must not end the keeping of the rest)
            failed()
        took_s = clock.monotonic() - began_s
        await asyncio.sleep(min(tick_s, max(pause_min_s, PAUSE_FACTOR * took_s)))
        with suppress(TimeoutError):
            async with asyncio.timeout(tick_s):
                await wake.wait()
