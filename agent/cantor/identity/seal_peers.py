"""What the seals of a node remember of one other node."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.allowance import Allowance

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from cantor.identity.seal_hellos import SealHello
    from cantor.identity.seals import Session
    from cantor.wire.frame import DataFrame

SESSIONS_PER_PEER_MAX = 3
HELLOS_PER_PEER_PER_S = 5.0
RETRY_FIRST_S = 0.5


@dataclass(slots=True)
class Offer:
    """A hello of this node that is not answered yet."""

    hello: SealHello
    key: X25519PrivateKey
    begun_at: float
    send_at: float
    delay_s: float = RETRY_FIRST_S
    wrong_answers: int = 0


@dataclass(slots=True)
class Reply:
    """The answer to a hello of the other node, whose session has not begun yet."""

    hello: SealHello
    answer: SealHello
    session: Session
    made_at: float


@dataclass(slots=True)
class Peer:
    """What stands and what is under way with one node.

    ``order`` is that of the last hello whose session has begun. ``waiting`` holds frames, their
    bytes and since when they wait.
    """

    sessions: list[Session] = field(default_factory=list)
    offer: Offer | None = None
    reply: Reply | None = None
    order: tuple[int, int] = (-1, -1)
    waiting: deque[tuple[DataFrame, int, float]] = field(default_factory=deque)
    waiting_bytes: int = 0
    allowance: Allowance = field(default_factory=lambda: Allowance(HELLOS_PER_PEER_PER_S))
    ask_at: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is worth remembering."""
        return not (self.sessions or self.offer or self.reply or self.waiting)

    @property
    def latest_order(self) -> tuple[int, int]:
        """The order of the latest hello that was answered."""
        return max(self.order, self.reply.hello.order if self.reply is not None else self.order)

    def find(self, name: int) -> Session | None:
        """The session of that name; one that has not begun yet as well."""
        for session in self.sessions:
            if session.name == name:
                return session
        reply = self.reply
        return reply.session if reply is not None and reply.session.name == name else None

    def begin(self, session: Session) -> None:
        """Seal with this session from now on."""
        self.sessions.insert(0, session)
        del self.sessions[SESSIONS_PER_PEER_MAX:]

    def confirm(self, session: Session) -> bool:
        """A frame under this session has come; True if that begins it."""
        reply = self.reply
        if reply is None or reply.session is not session:
            return False
        self.order, self.reply = reply.hello.order, None
        self.begin(session)
        return True
