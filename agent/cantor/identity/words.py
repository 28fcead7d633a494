"""What one node says in its own name, as bytes that prove themselves whoever hands them on.

A word travels as ``{"body", "signature", "certificate"}``: the body as it was signed, and the chain
that a root of the mesh vouches for. Facts prove who published them; a word proves who said what is
in it, also in a copy that another node publishes while the first one is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack

from cantor.base.errors import IdentityError
from cantor.base.ids import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.vouching import Vouching
    from cantor.wire.frame import Value

WORD_BYTES_MAX = 64 * 1024
_PURPOSE = b"cantor word 1\n"


@dataclass(frozen=True, slots=True)
class Word:
    """A word that holds: ``by`` has signed ``content``."""

    kind: str
    by: NodeId
    tenant: str
    content: Mapping[str, Value]


def make_word(
    kind: str,
    content: Mapping[str, Value],
    node: NodeId,
    mesh: str,
    sign: Callable[[bytes], bytes],
    certificate: bytes,
) -> bytes:
    """Let a node say something; ``sign`` is its signature, ``certificate`` its chain in PEM.

    Raises:
        IdentityError: it is longer than others take.
    """
    body: bytes = msgpack.packb({"kind": kind, "mesh": mesh, "by": node, "content": dict(content)})
    parts = {"body": body, "signature": sign(_PURPOSE + body), "certificate": certificate}
    packed: bytes = msgpack.packb(parts)
    if len(packed) > WORD_BYTES_MAX:
        raise IdentityError(
            f"what is to be signed takes {len(packed)} bytes (limit {WORD_BYTES_MAX})",
            where=kind,
            remedy="say less at once",
        )
    return packed


def read_word(
    packed: object, kind: str, vouching: Vouching, is_denied: Callable[[PeerIdentity], bool]
) -> Word:
    """The word in ``packed``, of that kind.

    Raises:
        IdentityError: it is malformed, of another kind or mesh, or nobody vouches for its signer.
    """
    try:
        body, signature, certificate = _parts(packed)
        about = msgpack.unpackb(body)
        by, content = about["by"], about["content"]
        if (about["kind"], about["mesh"]) != (kind, vouching.mesh):
            raise _wrong(f"it is no {kind} of this mesh")
        if not isinstance(by, str) or not isinstance(content, dict):
            raise _wrong("it is malformed")
    except _MALFORMED as error:
        raise _wrong("it is malformed") from error
    signer = vouching.signed_by(NodeId(by), _PURPOSE + body, signature, certificate)
    if is_denied(signer):
        raise IdentityError("its signer was put out of the mesh", where=f"node {by[:8]}")
    return Word(kind, signer.node_id, signer.tenant, content)


_MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    RecursionError,
    msgpack.UnpackException,
)


def _parts(packed: object) -> tuple[bytes, bytes, bytes]:
    if not isinstance(packed, bytes) or len(packed) > WORD_BYTES_MAX:
        raise TypeError
    told = msgpack.unpackb(packed)
    body, signature, certificate = (told[key] for key in ("body", "signature", "certificate"))
    if not all(isinstance(part, bytes) for part in (body, signature, certificate)):
        raise TypeError
    return body, signature, certificate


def _wrong(what: str) -> IdentityError:
    return IdentityError(f"a signed word does not hold: {what}", where="identity")
