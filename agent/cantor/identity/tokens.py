"""Enrolment tokens: one line of text that leads a box to its hub and lets it in.

    cet1_<host:port>_<root pin>_<secret>_<CRC-32>

The pin makes the first contact safe without installing a certificate first; the CRC tells a slip of
the hand from an attack before anything is sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import EnrolmentError
from cantor.identity.names import ROOT_PIN_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "cet1"
_TEXT_CHARS_MAX = 512
_SECRET_BYTES = 24
_PIN_CHARS = 26
_SECRET_CHARS = 39
_CRC_CHARS = 8
_HUB = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")
_PIN = re.compile(rf"[0-9a-f]{{{2 * ROOT_PIN_BYTES}}}")
_SECRET = re.compile(rf"[a-z2-7]{{{_SECRET_CHARS}}}")
_WHERE = "enrolment token"
_COPY_AGAIN = "copy the whole line from the hub again"


def new_secret(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A fresh secret of 192 bits, as 39 base-32 characters."""
    return _base32(entropy(_SECRET_BYTES))


def hash_secret(secret: str) -> str:
    """What the hub keeps of a secret: SHA-256 in hexadecimal; 192 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class EnrolmentToken:
    """Where the hub is (``host:port``), which root it must prove, and the secret of the box.

    Raises:
        EnrolmentError: a field cannot stand in a token.
    """

    hub: str
    root_pin: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        match = _HUB.fullmatch(self.hub)
        if match is None or not 0 < int(match[1]) < 2**16:
            raise _bad("names no hub", "make a token whose hub is written host:port")
        if _PIN.fullmatch(self.root_pin) is None or _SECRET.fullmatch(self.secret) is None:
            raise _bad("was not made by a hub (forged)", "ask the hub for a new token")

    @property
    def text(self) -> str:
        """The line that a person copies."""
        pin = _base32(bytes.fromhex(self.root_pin))
        body = f"{_PREFIX}_{self.hub}_{pin}_{self.secret}"
        return f"{body}_{_crc(body)}"

    @classmethod
    def parse(cls, text: str) -> EnrolmentToken:
        """Read the line that a person pasted; white space around it is ignored.

        Raises:
            EnrolmentError: it is no token, is truncated or mistyped, or was not made by a hub.
        """
        line = text.strip()
        if not line.startswith(f"{_PREFIX}_") or len(line) > _TEXT_CHARS_MAX:
            raise _bad("does not look like one", f"it starts with {_PREFIX}_; {_COPY_AGAIN}")
        parts = line.split("_")
        if len(parts) < 5 or len(parts[-1]) < _CRC_CHARS:
            raise _bad("is truncated", _COPY_AGAIN)
        body, _, crc = line.rpartition("_")
        if len(parts) > 5 or crc != _crc(body):
            raise _bad("is mistyped: its check digits do not match", _COPY_AGAIN)
        return cls(hub=parts[1], root_pin=_pin_from_base32(parts[2]), secret=parts[3])


def _bad(what: str, remedy: str) -> EnrolmentError:
    return EnrolmentError(what, where=_WHERE, remedy=remedy)


def _crc(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _pin_from_base32(text: str) -> str:
    try:
        if len(text) != _PIN_CHARS:
            return ""
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8)).hex()
    except (binascii.Error, ValueError):
        return ""
