"""Whom a certificate chain from the network names, and by which key that node signs."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cantor.base.errors import IdentityError
from cantor.base.ids import NodeId, node_id_from_public_key
from cantor.identity.certificates import (
    CertificateChain,
    parse_certificates,
    public_key_of,
    public_key_spki,
)
from cantor.identity.contexts import PeerIdentity, peer_of

_ALGORITHM = ec.ECDSA(hashes.SHA256())
_CHAINS_MAX = 4096
_CERTIFICATE_BYTES_MAX = 16 * 1024


def is_own_word(owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
    """Whether ``owner`` has signed ``data``, whoever vouches for it: its name is its key's hash."""
    if len(certificate) > _CERTIFICATE_BYTES_MAX:
        return False
    try:
        key = public_key_of(parse_certificates(certificate)[0])
        if node_id_from_public_key(public_key_spki(key)) != owner:
            return False
        key.verify(signature, data, _ALGORITHM)
    except (IdentityError, InvalidSignature):
        return False
    return True


class Vouched(NamedTuple):
    """A node of the mesh and its key, as a root of the mesh vouches for them."""

    identity: PeerIdentity
    key: ec.EllipticCurvePublicKey


class Vouching:
    """Checks chains of one mesh; each is checked once and then remembered.

    Whether a certificate has ended or was denied is not asked: see ``Vouched.identity``.
    """

    def __init__(self, mesh: str, root_pem: bytes) -> None:
        self.mesh = mesh
        self._root_pem = root_pem
        self._known: dict[bytes, Vouched] = {}

    def trust(self, root_pem: bytes) -> None:
        """Believe these roots from now on."""
        self._root_pem = root_pem
        self._known.clear()

    def vouched(self, certificate: bytes) -> Vouched:
        """Whom a chain of certificates in PEM names.

        Raises:
            IdentityError: it does not hold, or is of another mesh.
        """
        digest = hashlib.sha256(certificate).digest()
        known = self._known.get(digest)
        if known is not None:
            return known
        if len(certificate) > _CERTIFICATE_BYTES_MAX:
            raise IdentityError("a chain of certificates that is too long", where="certificate")
        chain = CertificateChain(certificate, self._root_pem)
        name = chain.check()
        leaf = chain.leaf
        if name.mesh != self.mesh:
            raise IdentityError("a certificate of another mesh", where="certificate")
        if len(self._known) >= _CHAINS_MAX:
            self._known.clear()
        vouched = self._known[digest] = Vouched(peer_of(name, leaf), public_key_of(leaf))
        return vouched

    def vouches(self, certificate: bytes) -> bool:
        """Whether a root of the mesh still vouches for whom a chain names."""
        try:
            self.vouched(certificate)
        except IdentityError:
            return False
        return True

    def signed_by(
        self, owner: NodeId, data: bytes, signature: bytes, certificate: bytes
    ) -> PeerIdentity:
        """Who ``owner`` is, which has signed ``data``.

        Raises:
            IdentityError: the chain or the signature does not hold, or is another node's.
        """
        vouched = self.vouched(certificate)
        if vouched.identity.node_id != owner:
            raise IdentityError("a certificate of another node", where=f"node {owner}")
        try:
            vouched.key.verify(signature, data, _ALGORITHM)
        except InvalidSignature as error:
            raise IdentityError("a signature does not hold", where=f"node {owner}") from error
        return vouched.identity
