"""The receiving end of a connection: takes frames in order and grants credit for more.

No threads, locks or clocks inside. Only the next number from the current sender is taken; a sender
that hears what is missing sends it again. What was taken is done with when the next is asked for.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from galaxy.edge_message import natural

if TYPE_CHECKING:
    from cantor.wire.frame import Value
    from galaxy.edge_message import EdgeMessage
    from galaxy.pipeline import Policy

GRANT_REPEAT_S = 0.5
RUNS_MAX = 8
WINDOW_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a receiver says of the sender's run ``run`` (0: of none yet)."""

    run: int
    done: int
    taken: int
    next: int
    window: int
    lost: bool
    end: bool

    def headers(self) -> dict[str, Value]:
        """As headers of an edge message; ``done`` is its number."""
        return {
            "run": self.run,
            "taken": self.taken,
            "next": self.next,
            "window": self.window,
            "lost": self.lost,
            "end": self.end,
        }

    @classmethod
    def parse(cls, message: EdgeMessage) -> Grant:
        """From an edge message.

        Raises:
            RemoteProtocolError: it is no grant.
        """
        run, taken, following, window = (
            natural(message.headers, key) for key in ("run", "taken", "next", "window")
        )
        if window > WINDOW_MAX:
            raise RemoteProtocolError(f"a grant of {window} frames at once")
        return cls(
            run,
            message.number,
            taken,
            following,
            window,
            message.headers.get("lost") is True,
            message.headers.get("end") is True,
        )


@dataclass(frozen=True, slots=True)
class Arrived:
    """A frame that has come, not decoded yet."""

    run: int
    number: int
    message: EdgeMessage
    at_s: float


class ReceiverEnd:
    """Credit of a window of frames: ``depth``, at least 2; 2 for ``latest``."""

    def __init__(self, policy: Policy, depth: int) -> None:
        self.window = 2 if policy == "latest" else max(2, depth)
        self.closed = False
        self.arrived = self.received = self.dropped = self.expired = self.discarded = 0
        self.repeated = self.early = self.foreign = 0
        """Messages left alone: come before, come too early, from another than the sender."""
        self._newest_only = policy == "latest"
        self._run = 0
        self._next: OrderedDict[int, int] = OrderedDict()
        """The number to come, by run; numbers are for ever, so a late message harms nothing."""
        self._buffer: deque[Arrived] = deque()
        self._in_hand: Arrived | None = None
        self._total: int | None = None
        self._lost = False
        self._news = True
        self._repeat_at_s = 0.0

    def sender_changed(self) -> None:
        """Another sender; what the former has sent is still delivered."""
        self._run = 0
        self._total = None
        self._news = True

    def frame(self, message: EdgeMessage, now_s: float) -> bool:
        """Take a frame if its turn has come; whether it was taken.

        Raises:
            RemoteProtocolError: its headers are not those of a frame.
        """
        run, base = natural(message.headers, "run"), natural(message.headers, "base")
        if not run or base > message.number:
            raise RemoteProtocolError("a frame that is older than itself")
        following = self._hear(run, base, now_s)
        if self.closed or message.number < following:
            self.repeated += 1
            return False
        if message.number > following or len(self._buffer) >= self.window:
            self.early += 1
            self._news = self._news or not self._lost
            self._lost = True
            return False
        self._next[run] = following + 1
        self._lost = False
        self._buffer.append(Arrived(run, message.number, message, now_s))
        self.arrived += 1
        return True

    def end(self, message: EdgeMessage, now_s: float) -> bool:
        """Take note of the end; whether all has come.

        Raises:
            RemoteProtocolError: its headers are not those of an end.
        """
        run, base = natural(message.headers, "run"), natural(message.headers, "base")
        if not run or base > message.number:
            raise RemoteProtocolError("an end before the beginning")
        following = self._hear(run, base, now_s)
        self._total = message.number
        self._lost = following < message.number
        self._news = True
        return not self._lost

    def take(self) -> Arrived | None:
        """The next frame; the one before is done with."""
        before, self._in_hand = self._in_hand, None
        while self._newest_only and len(self._buffer) > 1:
            self._buffer.popleft()
            self.dropped += 1
        if self._buffer:
            self._in_hand = self._buffer.popleft()
        self._news = self._news or before is not None or self._in_hand is not None
        return self._in_hand

    @property
    def is_empty(self) -> bool:
        """Whether nothing from another node is here or in hand."""
        return not self._buffer and self._in_hand is None

    @property
    def ended(self) -> bool:
        """Whether everything that the sender has sent was taken."""
        if self.closed:
            return True
        return self._total is not None and not self._buffer and self._expected >= self._total

    @property
    def has_news(self) -> bool:
        """Whether the sender should hear something now."""
        return self._news and not self.closed

    def grant(self, now_s: float) -> Grant | None:
        """What to tell the sender now: after a change, and again while nothing comes."""
        if self.closed:
            return None
        told_all = self._total is not None and self.ended and self._in_hand is None
        if not self._news and (told_all or now_s < self._repeat_at_s):
            return None
        run, following = self._run, self._expected
        ours = [held for held in self._buffer if held.run == run]
        taken = ours[0].number if ours else following
        in_hand = self._in_hand
        done = in_hand.number if in_hand is not None and in_hand.run == run else taken
        window = max(0, self.window - (len(self._buffer) - len(ours)))
        lost, self._news = self._lost, False
        self._repeat_at_s = now_s + GRANT_REPEAT_S
        return Grant(run, done, taken, following, window, lost, self._total is not None)

    def close(self) -> None:
        """Discard what is here and count it; whoever comes after is sent it again."""
        if not self.closed:
            self.discarded += len(self._buffer)
            self._buffer.clear()
            self._in_hand = None
            self.closed = True

    @property
    def _expected(self) -> int:
        return self._next.get(self._run, 0)

    def _hear(self, run: int, base: int, now_s: float) -> int:
        """The number to come from this run, of which frames below ``base`` were done with."""
        if run != self._run:
            self._run = run
            self._total = None
            self._lost = False
            self._news = True
        following = self._next[run] = max(self._next.get(run, 0), base)
        self._next.move_to_end(run)
        while len(self._next) > RUNS_MAX:
            self._next.popitem(last=False)
        self._repeat_at_s = now_s + GRANT_REPEAT_S
        return following
