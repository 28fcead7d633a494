"""A box that only one key opens: what is sealed for a node may travel and lie anywhere.

Whoever seals makes an X25519 key for this box alone. From the shared secret, HKDF-SHA256 with both
public keys as salt makes the key of AES-256-GCM, which seals this content and no other, so its
nonce is zero. What the box is ``about`` is sealed with it: one that is shown as another's does not
open. Who has sealed it, a box does not tell; what must be known lies in it, signed.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cantor.base.errors import IdentityError

KEY_BYTES = 32
OVERHEAD_BYTES = KEY_BYTES + 16
_PURPOSE = b"cantor sealed box 1"
_NONCE = bytes(12)


def new_key() -> bytes:
    """A private key."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The key that others seal with."""
    return _private(private).public_key().public_bytes_raw()


def seal(public: bytes, content: bytes, about: bytes) -> bytes:
    """A box with ``content`` for whoever has the private key.

    Raises:
        IdentityError: that is no key, or one that hides nothing.
    """
    once = X25519PrivateKey.generate()
    first = once.public_key().public_bytes_raw()
    try:
        shared = once.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise IdentityError("a key that hides nothing", where="sealed box") from error
    return first + _cipher(shared, first + public).encrypt(_NONCE, content, about)


def open_box(private: bytes, box: bytes, about: bytes) -> bytes:
    """What is in a box.

    Raises:
        IdentityError: it was sealed for another key or about something else, or was changed.
    """
    key = _private(private)
    try:
        first = box[:KEY_BYTES]
        shared = key.exchange(X25519PublicKey.from_public_bytes(first))
        salt = first + key.public_key().public_bytes_raw()
        return _cipher(shared, salt).decrypt(_NONCE, box[KEY_BYTES:], about)
    except (InvalidTag, ValueError) as error:
        raise IdentityError("a sealed box that does not open", where="sealed box") from error


def _private(private: bytes) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(private)
    except ValueError as error:
        raise IdentityError("not a key of sealed boxes", where="sealed box") from error


def _cipher(shared: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=salt, info=_PURPOSE).derive(shared))
