"""How often to do what many events ask for: at once after quiet, then ever more seldom."""

from __future__ import annotations

NEVER = float("inf")


class Pace:
    """Runs ``first_s`` apart at least; the pause doubles up to ``max_s`` while there is no quiet.

    ``due_at`` is when the work is due; infinite while nobody has asked.
    """

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._pause_s = first_s
        self._ran_at = -NEVER
        self.due_at = NEVER

    def ask(self, now: float, *, after_s: float = 0.0) -> None:
        """Let the work be done, ``after_s`` seconds from now or when the pause is over."""
        self.due_at = min(self.due_at, max(now + after_s, self._ran_at + self._pause_s))

    def ask_soon(self, now: float) -> None:
        """Let the work be done after the shortest pause, however little quiet there was."""
        self.due_at = min(self.due_at, max(now, self._ran_at + self._first_s))

    def hurry(self, now: float) -> None:
        """Let the work be done now, whatever the pause."""
        self.due_at = now

    def ran(self, now: float) -> None:
        """The work is done."""
        is_quiet = now - self._ran_at > 2 * self._pause_s + self._first_s
        self._pause_s = self._first_s if is_quiet else min(self._max_s, 2 * self._pause_s)
        self._ran_at = now
        self.due_at = NEVER
