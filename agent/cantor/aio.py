"""What nodes keep, for coroutines: the names of :mod:`cantor` that wait there, to be awaited here.

from cantor import aio

settings = aio.kv("berlin-1", "settings")
await settings.set("line/4", {"speed": 12})
async for change in settings.watch("line/"):
    ...
ref = await aio.objects.put(array, node="berlin-1")
"""

from __future__ import annotations

from cantor.state.keys import AsyncKeys as kv  # noqa: N813 (people write aio.kv())
from cantor.state.objects import AsyncObjects
from cantor.state.queues import AsyncQueue as queue  # noqa: N813 (people write aio.queue())
from cantor.state.queues import async_queues as queues
from cantor.state.variables import async_variables as variables

__all__ = ["kv", "objects", "queue", "queues", "variables"]

objects = AsyncObjects()
