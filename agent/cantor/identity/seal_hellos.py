"""The two hellos that begin a session: ephemeral keys, signed by the nodes' own.

    hello     who I am, whom I mean, the mesh, my epoch and number, an X25519 key
    answer    the same of the other end, and the hash of the hello that it answers

Each is msgpack, signed behind words that say what it is for, with the certificates that prove the
key. An answer names one hello, so that nobody can pair it with another. Of two hellos of a node the
one with the higher (epoch, number) is later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from cantor.base.errors import IdentityError, RemoteProtocolError
from cantor.wire.frame import DataFrame, Kind
from cantor.wire.sealed import signed_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.vouching import Vouching

HELLO_BYTES_MAX = 1024
_PURPOSE = b"cantor seal hello 1\n"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class SealHello:
    """A hello as it was sent: ``packed`` was signed, its hash is ``digest``."""

    node: NodeId
    peer: NodeId
    mesh: str
    order: tuple[int, int]
    key: bytes
    answers: bytes
    packed: bytes
    signature: bytes
    certificate: bytes

    @property
    def digest(self) -> bytes:
        """What names this hello."""
        return hashlib.sha256(self.packed).digest()

    def frame(self) -> DataFrame:
        """The frame that carries it."""
        body = (self.packed, self.signature, self.certificate)
        return DataFrame(Kind.SEAL_HELLO, self.node, self.peer, priority=0, body=body)


@dataclass(frozen=True, slots=True)
class Signer:
    """How a node signs: ``certificate`` gives the chain that proves its key now."""

    node: NodeId
    mesh: str
    sign: Callable[[bytes], bytes]
    certificate: Callable[[], bytes]


def make_hello(
    signer: Signer,
    peer: NodeId,
    order: tuple[int, int],
    key: X25519PrivateKey,
    answers: bytes = b"",
) -> SealHello:
    """Say hello to ``peer``; ``answers`` is the digest of its hello, if it spoke first."""
    public = key.public_key().public_bytes_raw()
    fields = {
        "node": signer.node,
        "peer": peer,
        "mesh": signer.mesh,
        "epoch": order[0],
        "number": order[1],
        "key": public,
        "answers": answers,
    }
    packed: bytes = msgpack.packb(fields)
    return SealHello(
        signer.node,
        peer,
        signer.mesh,
        order,
        public,
        answers,
        packed,
        signer.sign(_PURPOSE + packed),
        signer.certificate(),
    )


def read_hello(frame: DataFrame) -> SealHello:
    """The hello in a SEAL_HELLO frame; its signature is not checked yet.

    Raises:
        RemoteProtocolError: it is malformed, or about others than the frame.
    """
    packed, signature, certificate = signed_parts(frame, HELLO_BYTES_MAX)
    try:
        fields = msgpack.unpackb(packed)
        epoch, number = fields["epoch"], fields["number"]
        key, answers, mesh = fields["key"], fields["answers"], fields["mesh"]
        ends = fields["node"], fields["peer"]
    except (
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
        RecursionError,
        msgpack.UnpackException,
    ) as error:
        raise RemoteProtocolError("a hello of a seal that is malformed") from error
    is_sound = (
        ends == (frame.source, frame.destination)
        and type(epoch) is int
        and type(number) is int
        and 0 <= epoch < 2**63
        and 0 <= number < 2**63
        and isinstance(key, bytes)
        and len(key) == _KEY_BYTES
        and isinstance(answers, bytes)
        and isinstance(mesh, str)
    )
    if not is_sound:
        raise RemoteProtocolError("a hello of a seal with odd fields")
    return SealHello(
        frame.source,
        frame.destination,
        mesh,
        (epoch, number),
        key,
        answers,
        packed,
        signature,
        certificate,
    )


def verify_hello(hello: SealHello, vouching: Vouching) -> PeerIdentity:
    """Who has said hello.

    Raises:
        IdentityError: it is of another mesh, or not signed by the node that it names.
    """
    if hello.mesh != vouching.mesh:
        raise IdentityError("a hello for another mesh", where=f"node {hello.node}")
    said = _PURPOSE + hello.packed
    return vouching.signed_by(hello.node, said, hello.signature, hello.certificate)


def shared_secret(own: X25519PrivateKey, key: bytes) -> bytes:
    """What both ends can compute and nobody else.

    Raises:
        IdentityError: the other key is one of the few that make no secret.
    """
    try:
        return own.exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError as error:
        raise IdentityError("a hello with a key that hides nothing", where="seal") from error


def transcript(hello: SealHello, answer: SealHello) -> bytes:
    """What binds keys to both hellos."""
    return hashlib.sha256(hello.digest + answer.digest).digest()
