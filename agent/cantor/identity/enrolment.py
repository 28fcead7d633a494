"""The rules by which a token lets a box in, as pure functions: the caller stores what they return.

A token binds to the first public keys that redeem it (``uses_max`` of them). The same key again
gets the same certificate, so a lost reply costs nothing; another key on a spent single-use token
means that two parties hold it, and raises an alarm.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, replace

PENDING_RETRY_S = 10.0


class Approval(enum.Enum):
    """Who lets a box in that shows a good token."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class KeyState(enum.Enum):
    """How far the enrolment of one key has come."""

    PENDING = "pending"
    ISSUED = "issued"
    DENIED = "denied"


class Reason(enum.Enum):
    """Why a box is not let in."""

    UNKNOWN = "unknown"
    DENIED = "denied"
    USED = "used"
    STOLEN = "stolen"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def status(self) -> int:
        """The HTTP status that tells the box."""
        return _REFUSALS[self][0]

    @property
    def detail(self) -> str:
        """The sentence that tells people."""
        return _REFUSALS[self][1]


_REFUSALS = {
    Reason.UNKNOWN: (403, "this hub made no such token"),
    Reason.DENIED: (403, "an administrator denied this node"),
    Reason.USED: (409, "the token has been used as often as it may be"),
    Reason.STOLEN: (409, "another key has used this token: somebody else may hold it"),
    Reason.EXPIRED: (410, "the token has expired"),
    Reason.REVOKED: (410, "an administrator revoked the token"),
}


@dataclass(frozen=True)
class BoundKey:
    """A key that redeemed a token; ``key_hash`` is SHA-256 of its SubjectPublicKeyInfo, in hex."""

    key_hash: str
    state: KeyState


@dataclass(frozen=True)
class TokenRecord:
    """What a hub keeps of a token; ``expires_at`` is in seconds since 1970."""

    secret_hash: str
    expires_at: float
    uses_max: int = 1
    approval: Approval = Approval.AUTOMATIC
    bound: tuple[BoundKey, ...] = ()
    revoked: bool = False
    stolen: bool = False

    def bound_key(self, key_hash: str) -> BoundKey | None:
        """The binding of one key, if it has redeemed this token."""
        return next((key for key in self.bound if key.key_hash == key_hash), None)


@dataclass(frozen=True)
class Issue:
    """Issue a certificate to this key, and store ``record`` in the same transaction."""

    record: TokenRecord


@dataclass(frozen=True)
class AlreadyIssued:
    """Answer with the certificate that this key was issued before."""


@dataclass(frozen=True)
class Pending:
    """Store ``record`` and answer 202: a person must approve the node first."""

    record: TokenRecord
    retry_after_s: float = PENDING_RETRY_S


@dataclass(frozen=True)
class Refuse:
    """Refuse; where ``record`` is given, store it and raise the theft alarm."""

    reason: Reason
    record: TokenRecord | None = None

    @property
    def alarm(self) -> bool:
        """Whether people must hear of it at once."""
        return self.record is not None


Decision = Issue | AlreadyIssued | Pending | Refuse


def key_hash_of(public_key_spki: bytes) -> str:
    """How a record names a key: SHA-256 of its DER SubjectPublicKeyInfo, in hexadecimal."""
    return hashlib.sha256(public_key_spki).hexdigest()


def redeem(record: TokenRecord | None, public_key_spki: bytes, now: float) -> Decision:
    """Decide on a box that shows a token and has proved to hold a key.

    Args:
        record: the token whose hash matched, ``None`` where none did.
        public_key_spki: DER SubjectPublicKeyInfo of the key that signed the request.
        now: seconds since 1970 by the hub's clock.
    """
    if record is None:
        return Refuse(Reason.UNKNOWN)
    if record.revoked:
        return Refuse(Reason.REVOKED)
    key_hash = key_hash_of(public_key_spki)
    known = record.bound_key(key_hash)
    if known is not None:
        return _again(record, known)
    if record.stolen or len(record.bound) >= record.uses_max:
        return _spent(record)
    if now >= record.expires_at:
        return Refuse(Reason.EXPIRED)
    if record.approval is Approval.MANUAL:
        return Pending(_bind(record, BoundKey(key_hash, KeyState.PENDING)))
    return Issue(_bind(record, BoundKey(key_hash, KeyState.ISSUED)))


def approve(record: TokenRecord, key_hash: str) -> TokenRecord:
    """The record after a person let a waiting node in; any other node is left as it is."""
    return _change(record, key_hash, KeyState.ISSUED)


def deny(record: TokenRecord, key_hash: str) -> TokenRecord:
    """The record after a person sent a node away, waiting or not."""
    return _change(record, key_hash, KeyState.DENIED)


def _again(record: TokenRecord, known: BoundKey) -> Decision:
    if known.state is KeyState.DENIED:
        return Refuse(Reason.DENIED)
    if known.state is KeyState.PENDING:
        return Pending(record)
    return AlreadyIssued()


def _spent(record: TokenRecord) -> Refuse:
    if record.uses_max > 1 and not record.stolen:
        return Refuse(Reason.USED)
    return Refuse(Reason.STOLEN, replace(record, stolen=True))


def _bind(record: TokenRecord, key: BoundKey) -> TokenRecord:
    return replace(record, bound=(*record.bound, key))


def _change(record: TokenRecord, key_hash: str, state: KeyState) -> TokenRecord:
    def changed(key: BoundKey) -> BoundKey:
        if key.key_hash != key_hash or key.state is KeyState.DENIED:
            return key
        return replace(key, state=state)

    return replace(record, bound=tuple(changed(key) for key in record.bound))
