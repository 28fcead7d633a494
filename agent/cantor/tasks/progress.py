"""How far a task is, said by the task itself."""

from __future__ import annotations

from cantor.workers import serving


def progress(fraction: float, text: str = "") -> None:
    """Tell the caller of this task how far it is: from 0 to 1. Outside a task nobody hears it.

    A task of ``mode="thread"`` that was cancelled, or came too late, ends here.
    """
    serving.say_progress(float(fraction), str(text))


def is_cancelled() -> bool:
    """Whether nobody waits any more for the task that runs here; it should end soon.

    Only one of ``mode="thread"`` lives to see that; others are ended with their process.
    """
    return serving.is_cancelled()
