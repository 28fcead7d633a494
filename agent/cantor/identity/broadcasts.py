"""What a node says to all: readable by all, signed by its source, and heard once.

The stamp of the source's hybrid clock tells a repetition: a receiver remembers the last 256 of
each source, refuses what is older than those, and everything from before its own start. Whoever has
heard of a node stamps later than that node's start.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError, RemoteProtocolError
from cantor.wire.frame import Kind
from cantor.wire.reader import FRAME_BYTES_MAX
from cantor.wire.sealed import bound_header, content_of, inner_frame, outer_frame, signed_parts

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.seal_hellos import Signer
    from cantor.identity.vouching import Vouching
    from cantor.wire.frame import DataFrame

REMEMBERED = 256
_NEVER = 1 << 64
_PURPOSE = b"cantor broadcast 1\n"


class Broadcasts:
    """Signs and checks frames for all nodes; ``stamp`` gives a new stamp of this node's clock."""

    def __init__(
        self,
        signer: Signer,
        vouching: Vouching,
        counters: Counter[str],
        *,
        stamp: Callable[[], int],
        is_refused: Callable[[PeerIdentity], bool],
    ) -> None:
        self._signer = signer
        self._vouching = vouching
        self._counters = counters
        self._stamp = stamp
        self._is_refused = is_refused
        self._begun = _NEVER
        self._heard: dict[NodeId, list[int]] = {}

    def begin(self) -> None:
        """Believe what is stamped from now on; nothing before that.

        Not when this is made: a clock that is still wrong would spoil all later stamps.
        """
        self._begun = self._stamp()

    def sign(self, frame: DataFrame) -> DataFrame:
        """A frame for all nodes as it may travel over relays."""
        outer = outer_frame(frame, Kind.SIGNED, frame.message_id, self._stamp())
        content = content_of(frame)
        signature = self._signer.sign(_PURPOSE + bound_header(outer) + content)
        outer.body = (content, signature, self._signer.certificate())
        return outer

    def verified(self, frame: DataFrame) -> DataFrame | None:
        """The frame inside one for all nodes; None, and counted, if it is not worth a check.

        Raises:
            RemoteProtocolError: it was checked and does not hold.
        """
        if frame.kind != Kind.SIGNED:
            self._counters["unsealed"] += 1
            return None
        if self._has_come(frame):
            self._counters["replayed"] += 1
            return None
        content, signature, certificate = signed_parts(frame, FRAME_BYTES_MAX)
        said = _PURPOSE + bound_header(frame) + content
        try:
            if self._is_refused(self._vouching.vouched(certificate).identity):
                self._counters["forged"] += 1
                return None
            self._vouching.signed_by(frame.source, said, signature, certificate)
        except IdentityError as error:
            raise RemoteProtocolError("a signature does not hold") from error
        inner = inner_frame(frame, content)
        heard = self._heard.setdefault(frame.source, [])
        heapq.heappush(heard, frame.hlc)
        if len(heard) > REMEMBERED:
            heapq.heappop(heard)
        return inner

    def _has_come(self, frame: DataFrame) -> bool:
        heard = self._heard.get(frame.source, [])
        is_older = len(heard) == REMEMBERED and frame.hlc < heard[0]
        return frame.hlc <= self._begun or is_older or frame.hlc in heard
