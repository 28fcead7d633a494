"""How long a mesh takes to become one again, and how long its nodes waited for this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bed.fleet import Box, Fleet

WAIT_MAX_S = 60.0


class Heal(NamedTuple):
    """Seconds after everything was mended until all reached all, and until ledgers were equal.

    ``waited_s`` is the longest that one of the nodes has waited for a processor until then: they
    share this machine, and on boxes of their own they would not have waited.
    """

    online_s: float
    equal_s: float
    waited_s: float

    @property
    def own_s(self) -> float:
        """The seconds until ledgers were equal, without those waited for a processor."""
        return self.equal_s - self.waited_s


class Waits:
    """How long boxes wait for a processor from now on."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._before = [(box, box.waited_s()) for box in boxes]

    def most_s(self) -> float:
        """The seconds of the box that has waited longest."""
        return max(box.waited_s() - before for box, before in self._before)


async def until_healed(fleet: Fleet) -> Heal:
    """Wait until all that run reach all, and hold the same.

    Raises:
        BedError: it took longer than a minute.
    """
    begun, waits = time.monotonic(), Waits(fleet.running)
    await fleet.until_all_online(wait_s=WAIT_MAX_S)
    online_s = time.monotonic() - begun
    await fleet.until_ledgers_equal(wait_s=WAIT_MAX_S)
    return Heal(online_s, time.monotonic() - begun, waits.most_s())
