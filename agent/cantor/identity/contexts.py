"""TLS contexts of the mesh: TLS 1.3, both sides certified, nothing resumed.

Boxes boot in 1970, so the handshake does not look at time; ``verify_peer`` does, right after it.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.identity.certificates import CERTIFICATE_ERRORS, node_name, parse_certificates
from cantor.identity.names import root_pin_of

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.identity.names import NodeName
    from cantor.identity.store import Identity

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME, which Python does not name
_PRESENTED_MAX = 8
_DER = 2  # _ssl.ENCODING_DER


class PeerIdentity(NamedTuple):
    """Who is at the other end of a link; its certificate's life is in seconds since 1970."""

    node_id: NodeId
    tenant: str
    mesh: str
    not_after: float
    not_before: float = 0.0


def peer_of(name: NodeName, leaf: x509.Certificate) -> PeerIdentity:
    """Whom a leaf names, and how long it holds."""
    return PeerIdentity(
        name.node_id,
        name.tenant,
        name.mesh,
        leaf.not_valid_after_utc.timestamp(),
        leaf.not_valid_before_utc.timestamp(),
    )


def server_context(identity: Identity) -> ssl.SSLContext:
    """The context for accepting links.

    No session tickets are given out: a resumed session would outlive expiry and denial.

    Raises:
        IdentityError: OpenSSL refuses the identity.
    """
    context = _mesh_context(ssl.PROTOCOL_TLS_SERVER, identity)
    context.num_tickets = 0
    return context


def client_context(identity: Identity) -> ssl.SSLContext:
    """The context for dialling links; whom one reached is told by ``verify_peer``.

    Raises:
        IdentityError: OpenSSL refuses the identity.
    """
    return _mesh_context(ssl.PROTOCOL_TLS_CLIENT, identity)


def reload(context: ssl.SSLContext, identity: Identity) -> None:
    """Use a renewed certificate, and its roots, for new handshakes; live links are not touched.

    A root that is trusted no more stays in the context: ``verify_peer`` looks at it.

    Raises:
        IdentityError: OpenSSL refuses the identity; ``context`` then still works with the old one.
    """
    # A pair that does not match breaks the context that loads it: try in another one first.
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), identity)
    context.load_verify_locations(cadata=identity.root_pem.decode("ascii"))
    _load(context, identity)


def verify_peer(
    ssl_object: ssl.SSLObject | ssl.SSLSocket, *, mesh: str, now: float, root_pem: bytes = b""
) -> PeerIdentity:
    """Who is at the other end, to be asked right after the handshake and before any frame.

    Only the end of validity is checked: a certificate from the future proves that this box's clock
    is behind, not that the peer is wrong.

    Args:
        ssl_object: the finished TLS session.
        mesh: the mesh of this node.
        now: seconds since 1970, from ``IdentityFolder.now``.
        root_pem: the roots that are trusted now, which may be fewer than the context knows.

    Raises:
        IdentityError: the peer shows no node certificate of this mesh, or an expired one.
    """
    der = ssl_object.getpeercert(True)
    if der is None:
        raise IdentityError("the peer showed no certificate", where="link")
    try:
        leaf = x509.load_der_x509_certificate(der)
    except CERTIFICATE_ERRORS as error:
        raise IdentityError("the peer's certificate cannot be read", where="link") from error
    name = node_name(leaf)
    if root_pem and not _ends_in(ssl_object, root_pem):
        raise IdentityError(
            "the root of the peer's certificate is trusted no more",
            where=f"node {name.node_id}",
            remedy="enrol that node again",
        )
    if name.mesh != mesh:
        raise IdentityError(
            f"the peer belongs to mesh {name.mesh}, not {mesh}", where=f"node {name.node_id}"
        )
    peer = peer_of(name, leaf)
    if now >= peer.not_after:
        raise IdentityError(
            f"the peer's certificate ended at {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            where=f"node {name.node_id}",
            remedy="enrol that node again, or correct the clock of this one",
        )
    return peer


def _ends_in(session: ssl.SSLObject | ssl.SSLSocket, root_pem: bytes) -> bool:
    # Public from Python 3.13 on; before that a method of the session underneath.
    within = session if hasattr(session, "get_verified_chain") else session._sslobj  # type: ignore[union-attr]
    last = within.get_verified_chain()[-1]
    der = last if isinstance(last, bytes) else last.public_bytes(_DER)
    return der in {root.public_bytes(Encoding.DER) for root in parse_certificates(root_pem)}


def discovery_context() -> ssl.SSLContext:
    """The context that only fetches the hub's certificates, to be matched against a token's pin.

    It authenticates nobody: nothing may be sent over a session made with it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def enrolment_context(root_pem: bytes) -> ssl.SSLContext:
    """The context for enrolment: trusts one root, checks the host name, does not look at time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # Node certificates carry no host names: without this their common name would serve as one.
    context.hostname_checks_common_name = False
    context.verify_flags |= _NO_CHECK_TIME
    context.load_verify_locations(cadata=root_pem.decode("ascii"))
    return context


def pinned_root(presented: list[bytes], root_pin: str) -> bytes:
    """The certificate (PEM) among those that a hub presented (DER) whose hash begins with the pin.

    Raises:
        EnrolmentError: none does.
    """
    for der in presented[:_PRESENTED_MAX]:
        if root_pin_of(der) == root_pin:
            pem = ssl.DER_cert_to_PEM_cert(der).encode()
            parse_certificates(pem)
            return pem
    raise EnrolmentError(
        "the server there is not the hub that made this token: the pin of its root does not match",
        where="enrolment",
        remedy="check the hub's address, and ask the hub for a new token if its root was replaced",
    )


def _mesh_context(protocol: int, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _NO_CHECK_TIME
    context.load_verify_locations(cadata=identity.root_pem.decode("ascii"))
    _load(context, identity)
    return context


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    try:
        context.load_cert_chain(identity.pem_path)
    except (ssl.SSLError, OSError) as error:
        raise IdentityError(
            "OpenSSL refuses the key and certificate",
            where=str(identity.pem_path),
            remedy="enrol the node again with a new token",
        ) from error
