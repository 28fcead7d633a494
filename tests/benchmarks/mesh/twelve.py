"""Twelve agents of one site, come to rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.bed import topologies

if TYPE_CHECKING:
    from tests.bed.fleet import Box, Fleet

NODES = 12
LINKS_MAX = 4
FEW_LINKS_WITHIN_S = 60.0
REST_S = 12.0
"""Links that carried no data for 10 s send fewer heartbeats."""


async def gathered(fleet: Fleet) -> list[Box]:
    """Twelve agents on one local network, each with at most four links, that have gone quiet.

    Raises:
        TimeoutError: one kept more links.
    """
    topologies.site(fleet.network, NODES)
    boxes = await fleet.start()
    await fleet.until_all_online()
    async with asyncio.timeout(FEW_LINKS_WITHIN_S):
        async for _ in boxes[0].changes():
            if max(await degrees(boxes)) <= LINKS_MAX:
                break
    await fleet.until_ledgers_equal()
    await asyncio.sleep(REST_S)
    return boxes


async def degrees(boxes: list[Box]) -> list[int]:
    """How many links each has."""
    return [len(await box.links()) for box in boxes]
