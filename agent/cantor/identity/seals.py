"""One session between two nodes, whoever carries its frames: AES-256-GCM, one key per direction.

Both ends make an ephemeral X25519 key and sign it (``cantor.identity.seal_hellos``). From the
shared secret, HKDF-SHA256 with the hash of both hellos as salt makes the keys and the session's
name. The number of a frame is its nonce, so that none repeats under a key; the receiver remembers
which of the last 4096 have come, because frames of different priorities overtake each other.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cantor.base.errors import IdentityError
from cantor.wire.frame import Kind
from cantor.wire.sealed import bound_header, content_of, inner_frame, outer_frame

if TYPE_CHECKING:
    from cantor.identity.contexts import PeerIdentity
    from cantor.wire.frame import DataFrame

WINDOW = 4096
REKEY_S = 3600.0
REKEY_BYTES = 2**36
"""A session that is older, or has carried more, is replaced; at twice as much it is of no use."""
_PURPOSE = b"cantor seal 1"
_KEY_BYTES = 32
_NAME_BYTES = 8
_MASK = (1 << WINDOW) - 1
_NONCE = struct.Struct(">4xQ")


class ReplayWindow:
    """Which numbers have come: those of the last 4096 up to the highest; older ones count so."""

    def __init__(self) -> None:
        self._next = 0
        self._seen = 0

    def is_new(self, number: int) -> bool:
        """Whether a number has not come before, as far as is remembered."""
        back = self._next - 1 - number
        return back < 0 or (back < WINDOW and not self._seen >> back & 1)

    def take(self, number: int) -> None:
        """A number has come."""
        ahead = number + 1 - self._next
        if ahead > 0:
            self._seen = (self._seen << ahead | 1) & _MASK if ahead < WINDOW else 1
            self._next = number + 1
        else:
            self._seen |= 1 << -ahead


class Session:
    """One end of a session with ``peer``.

    Args:
        peer: who is at the other end.
        secret: what X25519 gave.
        transcript: the hash of both hellos.
        is_first: whether this end said hello first.
        peer_epoch: the epoch of the other end.
        now: monotonic seconds.
    """

    def __init__(
        self,
        peer: PeerIdentity,
        secret: bytes,
        transcript: bytes,
        *,
        is_first: bool,
        peer_epoch: int,
        now: float,
    ) -> None:
        length = 2 * _KEY_BYTES + _NAME_BYTES
        made = HKDF(SHA256(), length, salt=transcript, info=_PURPOSE).derive(secret)
        keys = [AESGCM(made[:_KEY_BYTES]), AESGCM(made[_KEY_BYTES : 2 * _KEY_BYTES])]
        self._sending, self._receiving = keys if is_first else reversed(keys)
        self.name = int.from_bytes(made[2 * _KEY_BYTES :], "big")
        self.peer = peer
        self.peer_epoch = peer_epoch
        self.begun_at = now
        self.ends_at = now + 2 * REKEY_S
        self._number = 0
        self._sent_bytes = 0
        self._window = ReplayWindow()

    def is_worn(self, now: float) -> bool:
        """Whether another session should replace this one."""
        return now >= self.begun_at + REKEY_S or self._sent_bytes >= REKEY_BYTES

    def is_over(self, now: float) -> bool:
        """Whether nothing may be sealed or opened any more."""
        return now >= self.ends_at or self._sent_bytes >= 2 * REKEY_BYTES

    def seal(self, frame: DataFrame) -> DataFrame:
        """The frame, hidden in another one."""
        outer = outer_frame(frame, Kind.SEALED, self._number, self.name)
        content = content_of(frame)
        nonce = _NONCE.pack(self._number)
        outer.body = (self._sending.encrypt(nonce, content, bound_header(outer)),)
        self._number += 1
        self._sent_bytes += len(content)
        return outer

    def is_new(self, frame: DataFrame) -> bool:
        """Whether a sealed frame has not come before, if it is sound."""
        return self._window.is_new(frame.message_id)

    def open(self, frame: DataFrame) -> DataFrame:
        """The frame hidden in another one, which then counts as come.

        Raises:
            IdentityError: it was not sealed by the other end, or something in it was changed.
            RemoteProtocolError: the other end has sealed something else than a frame.
        """
        try:
            (sealed,) = frame.body
            nonce = _NONCE.pack(frame.message_id)
            content = self._receiving.decrypt(nonce, sealed, bound_header(frame))
        except (InvalidTag, ValueError) as error:
            where = f"node {frame.source}"
            raise IdentityError("a sealed frame that was altered", where=where) from error
        self._window.take(frame.message_id)
        return inner_frame(frame, content)
