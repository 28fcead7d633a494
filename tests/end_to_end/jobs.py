"""What tasks of the browser tests do."""

from __future__ import annotations

import time
from pathlib import Path

import cantor


def inspect_part(go: str) -> str:
    """Half done until it may go on."""
    print("part 17 is on the belt", flush=True)  # noqa: T201 (for the page to show)
    cantor.progress(0.5, "half of the part")
    while not Path(go).exists():
        time.sleep(0.02)
    return "good"


def reject_part() -> None:
    """Fails."""
    raise ValueError("no part on the belt")


def count_part(number: int) -> int:
    """Is done at once."""
    return number
