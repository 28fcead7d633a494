"""One link as the transport sees it, and who is told what happens to links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cantor.identity.contexts import PeerIdentity
    from cantor.transport.connection import Connection
    from cantor.wire.frame import Buffer
    from cantor.wire.records import Record


class LinkListener(Protocol):
    """Who is told what happens to links; every call comes on the event loop."""

    def link_up(self, peer: PeerIdentity, nonce: str, address: str, *, dialled: bool) -> None:
        """A link is ready for frames; ``address`` is where the other side was reached."""

    def link_down(self, peer: PeerIdentity, nonce: str, reason: str) -> None:
        """A link has ended; frames that had not left are gone."""

    def bulk_lost(self, nonce: str) -> None:
        """The bulk connection of a link has ended; what left it in part must begin anew."""

    def records_received(self, nonce: str, records: list[Record]) -> None:
        """Records arrived over a link.

        Raises:
            RemoteProtocolError: the other side breaks the rules; the connection is closed.
        """

    def take_bulk_wish(self, nonce: str) -> bool:
        """Whether a bulk connection became worth opening since the last call."""

    def take(
        self, nonce: str, name: str, channels: tuple[int, ...], room: int, chunk: int
    ) -> list[Buffer]:
        """What leaves over the connection ``name`` (control, bulk) now: see ``DataPlane.take``."""


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """One link for people: UTC seconds of its begin, bytes written that have not left.

    ``bulk_queued_bytes`` is None while bulk is not open.
    """

    address: str
    dialled: bool
    since_s: float
    control_queued_bytes: int
    bulk_queued_bytes: int | None


@dataclass(frozen=True, slots=True)
class LinkMeasure:
    """A link as the kernel saw it: round trip, share of segments sent again, speed.

    ``rtt_s`` is the smoothed round trip, ``rtt_least_s`` the least of some minutes.
    """

    rtt_s: float
    rtt_least_s: float
    loss: float
    bytes_per_s: int
    carried_bytes: int


@dataclass(slots=True)
class Link:
    """A link that is up; ``since_s`` is in UTC seconds, as is the end of a certificate under it."""

    peer: PeerIdentity
    nonce: str
    control: Connection
    address: str
    dialled: bool
    since_s: float
    bulk: Connection | None = None
    bulk_opening: bool = False
    bulk_used: bool = True
    bulk_idle_since_s: float = 0.0
    holds_until_s: float = float("inf")

    def close(self, reason: str) -> None:
        """End it after what is queued has left."""
        if self.bulk is not None:
            self.bulk.close(reason)
        self.control.close(reason)

    def measure(self) -> LinkMeasure | None:
        """What the kernel knows of it; None if the kernel does not tell."""
        control = self.control.measure()
        if control is None:
            return None
        bulk = self.bulk.measure() if self.bulk is not None else None
        both = (control,) if bulk is None else (control, bulk)
        sent = sum(figures.segments_sent for figures in both)
        again = sum(figures.segments_again for figures in both)
        return LinkMeasure(
            control.rtt_s,
            control.rtt_min_s,
            again / sent if sent else 0.0,
            max(c.line.bytes_per_s for c in (self.control, self.bulk) if c is not None),
            sum(figures.bytes_carried for figures in both),
        )

    def figures(self) -> LinkFigures:
        """How it is now."""
        return LinkFigures(
            self.address,
            self.dialled,
            self.since_s,
            self.control.queued_bytes,
            self.bulk.queued_bytes if self.bulk is not None else None,
        )
