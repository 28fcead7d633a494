"""A mesh goes over to a new root, under traffic and without a day on which all must follow.

1. The issuer makes a new root and a new issuing key. The *former* root certifies both, so that a
   node which knows only it trusts everything new.
2. Former and new root sign their **succession**. It travels as a fact and in every answer of the
   issuer; a node that trusts one of the two then trusts both.
3. Leaves are renewed under the new root. For 42 days chains also show what the former root
   certified; after 49 days, longer than any leaf lives, nodes trust the former no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cantor.base.errors import ConfigError, IdentityError
from cantor.identity.authority import (
    BRIDGE,
    RETIRE,
    ROOT_LIFE,
    Authority,
    FormerRoot,
    Signer,
    make_issuing,
    make_root,
)
from cantor.identity.certificates import CERTIFICATE_ERRORS, parse_certificates, public_key_of
from cantor.identity.profiles import authority_extensions, authority_key_id, new_certificate

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

SUCCESSION = "succession"
SUCCESSION_BYTES_MAX = 16 * 1024
_PURPOSE = b"cantor succession 1\n"
_ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Succession:
    """A root follows another, as both have signed; ``at_s`` is in seconds since 1970."""

    former: x509.Certificate
    new: x509.Certificate
    at_s: float
    packed: bytes

    @property
    def bridges_until_s(self) -> float:
        """Until when chains show what the former root certified."""
        return self.at_s + BRIDGE.total_seconds()

    @property
    def retires_at_s(self) -> float:
        """When the former root is trusted no more."""
        return self.at_s + RETIRE.total_seconds()

    def roots_pem(self, now_s: float) -> bytes:
        """The roots to trust at a time, the new one first."""
        is_over = now_s >= self.retires_at_s
        return _pem([self.new] if is_over else [self.new, self.former])


def go_over(authority: Authority, now: dt.datetime) -> Succession:
    """Give an authority a new root and a new issuing key, in place; the caller saves it.

    Raises:
        ConfigError: the last time is not over yet.
        IdentityError: the key of the root is kept elsewhere.
    """
    if authority.former is not None and now < authority.former.since + RETIRE:
        over = authority.former.since + RETIRE
        raise ConfigError(
            f"the mesh still goes over to its present root, until {over:%Y-%m-%d}",
            where=f"mesh {authority.mesh}",
            remedy="wait until then: nodes that were away meanwhile need the time",
        )
    former = authority.root
    former_key = former.key
    number = _generation(former.certificate) + 1
    root = make_root(authority.mesh, now, number)
    issuing = make_issuing(root, authority.mesh, authority.tenant, now)
    bridge = make_issuing(former, authority.mesh, authority.tenant, now, issuing.key)
    cross = _certify_root(former, root, now)
    body: bytes = msgpack.packb(
        {
            "former": former.certificate.public_bytes(Encoding.DER),
            "new": root.certificate.public_bytes(Encoding.DER),
            "at": now.timestamp(),
        }
    )
    signatures = [key.sign(_PURPOSE + body, _ALGORITHM) for key in (former_key, root.key)]
    packed: bytes = msgpack.packb({"body": body, "signatures": signatures})
    authority.root, authority.issuing = root, issuing
    authority.former = FormerRoot(former.certificate, cross, bridge.certificate, packed, now)
    return Succession(former.certificate, root.certificate, now.timestamp(), packed)


def read_succession(packed: object, root_pem: bytes) -> Succession:
    """A succession, if one of its roots is trusted and both have signed it.

    Raises:
        IdentityError: it is malformed, or does not hold.
    """
    try:
        if not isinstance(packed, bytes) or len(packed) > SUCCESSION_BYTES_MAX:
            raise TypeError
        signed = msgpack.unpackb(packed)
        body, signatures = signed["body"], signed["signatures"]
        about = msgpack.unpackb(body)
        former, new = (x509.load_der_x509_certificate(about[name]) for name in ("former", "new"))
        if not {former, new} & set(parse_certificates(root_pem)):
            raise _wrong("none of its roots is trusted here")
        for root, signature in zip((former, new), signatures, strict=True):
            root.verify_directly_issued_by(root)
            public_key_of(root).verify(signature, _PURPOSE + body, _ALGORITHM)
        return Succession(former, new, float(about["at"]), packed)
    except InvalidSignature as error:
        raise _wrong("a signature in it does not hold") from error
    except (
        *CERTIFICATE_ERRORS,
        KeyError,
        OverflowError,
        RecursionError,
        msgpack.UnpackException,
    ) as error:
        raise _wrong("it is malformed") from error


def without_bridge(chain_pem: bytes, succession: Succession) -> bytes:
    """A chain that shows only what the new root certified; as it was if there is nothing such."""
    leaf, *authorities = parse_certificates(chain_pem)
    by_new = [one for one in authorities if one.issuer == succession.new.subject]
    return _pem([leaf, *by_new]) if by_new else chain_pem


def _certify_root(former: Signer, root: Signer, now: dt.datetime) -> x509.Certificate:
    life = min(ROOT_LIFE, former.certificate.not_valid_after_utc - now)
    subject = root.certificate.subject
    builder = new_certificate(subject, former.certificate.subject, root.public_key, now, life)
    # The root signs server certificates itself: no authority stands below it here.
    builder = authority_extensions(builder, path_length=0)
    builder = builder.add_extension(authority_key_id(former.public_key), critical=False)
    return builder.sign(former.key, hashes.SHA256())


def _generation(root: x509.Certificate) -> int:
    words = str(root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value).split()
    return int(words[2]) if len(words) > 2 and words[2].isdigit() else 1


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def _wrong(what: str) -> IdentityError:
    return IdentityError(f"the word for a new root does not hold: {what}", where="identity")
