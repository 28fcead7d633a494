"""Wait for what another thread or process brings about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN_S = 30.0
LOOK_EVERY_S = 0.005


def until(holds: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Return when it holds; fail if it does not in time."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(LOOK_EVERY_S)
