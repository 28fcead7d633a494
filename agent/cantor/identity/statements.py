"""What an authority says to the whole mesh: signed words that prove themselves.

A statement travels as bytes, ``{"body", "signature", "authority"}``: the body as it was signed, and
the certificates of the issuing authority, which a root of the mesh vouches for. So a reader trusts
no node that passes it on, and a tenant's authority speaks for that tenant's nodes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cantor.base.errors import IdentityError
from cantor.identity.certificates import parse_certificates, vouched_authority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.identity.authority import Authority
    from cantor.wire.frame import Value

STATEMENT_BYTES_MAX = 512 * 1024
_PURPOSE = b"cantor statement 1\n"
_ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that holds. ``at_s`` is when it was made, in seconds since 1970."""

    kind: str
    tenant: str
    at_s: float
    content: Mapping[str, Value]
    packed: bytes


def make_statement(
    authority: Authority, kind: str, content: Mapping[str, Value], at_s: float
) -> Statement:
    """Let the authority of a tenant say something."""
    told = {"kind": kind, "mesh": authority.mesh, "tenant": authority.tenant, "at": at_s}
    body: bytes = msgpack.packb({**told, "content": dict(content)})
    signed = {
        "body": body,
        "signature": authority.sign(_PURPOSE + body),
        "authority": authority.issuing_pem_at(at_s),
    }
    return Statement(kind, authority.tenant, at_s, content, msgpack.packb(signed))


class StatementReader:
    """Checks statements of one mesh; ``root_pem`` holds the roots that are trusted now."""

    def __init__(self, mesh: str, root_pem: bytes) -> None:
        self.root_pem = root_pem
        self._mesh = mesh

    def read(self, packed: object, kind: str) -> Statement:
        """The statement in ``packed``, of that kind.

        Raises:
            IdentityError: it is malformed, of another kind or mesh, or not the authority's.
        """
        try:
            body, signature, certificates = _parts(packed)
            about = msgpack.unpackb(body)
            tenant, at_s, content = about["tenant"], float(about["at"]), about["content"]
            if (about["kind"], about["mesh"]) != (kind, self._mesh):
                raise _wrong(f"it is no {kind} of this mesh")
            if not isinstance(tenant, str) or not isinstance(content, dict):
                raise _wrong("it is malformed")
            authorities = parse_certificates(certificates)
            key = vouched_authority(authorities, self.root_pem, tenant, self._mesh)
            key.verify(signature, _PURPOSE + body, _ALGORITHM)
        except InvalidSignature as error:
            raise _wrong("its signature does not hold") from error
        except (
            ValueError,
            TypeError,
            KeyError,
            OverflowError,
            RecursionError,
            msgpack.UnpackException,
        ) as error:
            raise _wrong("it is malformed") from error
        return Statement(kind, tenant, at_s, content, bytes(packed))  # type: ignore[call-overload]


def _parts(packed: object) -> tuple[bytes, bytes, bytes]:
    if not isinstance(packed, bytes) or len(packed) > STATEMENT_BYTES_MAX:
        raise TypeError
    signed = msgpack.unpackb(packed)
    parts = signed["body"], signed["signature"], signed["authority"]
    if not all(isinstance(part, bytes) for part in parts):
        raise TypeError
    return parts


def _wrong(what: str) -> IdentityError:
    return IdentityError(f"a statement of the authority does not hold: {what}", where="identity")
