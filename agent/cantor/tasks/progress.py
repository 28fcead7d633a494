"""How far a task is, said by the task itself."""

from __future__ import annotations

from cantor.workers.serving import say_progress


def progress(fraction: float, text: str = "") -> None:
    """Tell the caller of this task how far it is: from 0 to 1. Outside a task nobody hears it."""
    say_progress(float(fraction), str(text))
