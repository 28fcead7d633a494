"""A node's signature under its facts, the check of others', and seals made with it: ECDSA P-256."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cantor.base.errors import IdentityError
from cantor.identity.seal_hellos import Signer
from cantor.identity.sealing import Seals
from cantor.identity.vouching import Vouching, is_own_word
from cantor.ledger.facts import UnvouchedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.clock import Clock
    from cantor.base.ids import NodeId
    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.store import IdentityFolder
    from cantor.mesh.core import MeshCore

_ALGORITHM = ec.ECDSA(hashes.SHA256())


class FactSigner:
    """Signs with the node's key."""

    def __init__(self, folder: IdentityFolder) -> None:
        self._folder = folder
        self._key = folder.private_key

    @property
    def certificate(self) -> bytes:
        """The chain that proves the key, in PEM, as it lies on the disk."""
        return self._folder.chain.pem

    def __call__(self, data: bytes) -> bytes:
        return self._key.sign(data, _ALGORITHM)


class FactVerifier:
    """Checks that facts were signed by their owner, whom the mesh's root vouches for.

    Whether the certificate has ended is not asked: a fact stays true while its owner is away.
    """

    def __init__(self, mesh: str, root_pem: bytes) -> None:
        self.vouching = Vouching(mesh, root_pem)

    def trust(self, root_pem: bytes) -> None:
        """Believe these roots from now on."""
        self.vouching.trust(root_pem)

    def __call__(self, owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
        try:
            self.vouching.signed_by(owner, data, signature, certificate)
        except IdentityError as error:
            if is_own_word(owner, data, signature, certificate):
                raise UnvouchedError from error
            return False
        return True


def make_seals(
    core: MeshCore,
    clock: Clock,
    signer: FactSigner,
    verifier: FactVerifier,
    *,
    is_refused: Callable[[PeerIdentity], bool],
    is_known: Callable[[NodeId], bool],
) -> Seals:
    """The seals of a node, which signs and believes as its core does."""
    return Seals(
        Signer(core.node, verifier.vouching.mesh, signer, lambda: core.ledger.certificate),
        verifier.vouching,
        core.counters,
        epoch=lambda: core.ledger.epoch,
        stamp=lambda: core.stamp(clock.monotonic()),
        is_refused=is_refused,
        is_known=is_known,
    )
