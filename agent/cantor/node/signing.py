"""A node's signature under its facts, and the check of others': ECDSA P-256 with SHA-256."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cantor.base.errors import IdentityError
from cantor.identity.certificates import CertificateChain

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.identity.store import IdentityFolder

_ALGORITHM = ec.ECDSA(hashes.SHA256())
_CHAINS_MAX = 4096
_CERTIFICATE_BYTES_MAX = 16 * 1024


class FactSigner:
    """Signs with the node's key; ``certificate`` is the chain that proves the key, in PEM."""

    def __init__(self, folder: IdentityFolder) -> None:
        self._key = folder.private_key
        self.certificate = folder.chain.pem

    def __call__(self, data: bytes) -> bytes:
        return self._key.sign(data, _ALGORITHM)


class FactVerifier:
    """Checks that facts were signed by their owner, whom the mesh's root vouches for.

    Whether the certificate has ended is not asked: a fact stays true while its owner is away.
    """

    def __init__(self, mesh: str, root_pem: bytes) -> None:
        self._mesh = mesh
        self._root_pem = root_pem
        self._keys: dict[bytes, tuple[NodeId, ec.EllipticCurvePublicKey]] = {}

    def trust(self, root_pem: bytes) -> None:
        """Believe these roots from now on."""
        self._root_pem = root_pem
        self._keys.clear()

    def __call__(self, owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
        try:
            node, key = self._proved(certificate)
            key.verify(signature, data, _ALGORITHM)
        except (IdentityError, InvalidSignature):
            return False
        return node == owner

    def _proved(self, certificate: bytes) -> tuple[NodeId, ec.EllipticCurvePublicKey]:
        digest = hashlib.sha256(certificate).digest()
        known = self._keys.get(digest)
        if known is not None:
            return known
        if len(certificate) > _CERTIFICATE_BYTES_MAX:
            raise IdentityError("a chain of certificates that is too long", where="facts")
        chain = CertificateChain(certificate, self._root_pem)
        name = chain.check()
        key = chain.leaf.public_key()
        if name.mesh != self._mesh or not isinstance(key, ec.EllipticCurvePublicKey):
            raise IdentityError("a certificate of another mesh", where="facts")
        if len(self._keys) >= _CHAINS_MAX:
            self._keys.clear()
        self._keys[digest] = (name.node_id, key)
        return self._keys[digest]
