"""What several want at the same time is done once for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_Result = TypeVar("_Result")


async def once(
    tasks: dict[str, asyncio.Task[_Result]],
    key: str,
    work: Callable[[], Coroutine[None, None, _Result]],
) -> _Result:
    """Do something once for all who want it at the same time."""
    known = tasks.get(key)
    if known is None:
        known = tasks[key] = asyncio.get_running_loop().create_task(work())
        known.add_done_callback(lambda _: tasks.pop(key, None))
    return await asyncio.shield(known)
