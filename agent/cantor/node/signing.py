"""A node's signature under its facts, the check of others', and seals made with it: ECDSA P-256."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cantor.base.errors import IdentityError
from cantor.identity.seal_hellos import Signer
from cantor.identity.sealing import Seals
from cantor.identity.vouching import Vouching, is_own_word
from cantor.identity.words import make_word, read_word
from cantor.ledger.facts import UnvouchedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.clock import Clock
    from cantor.base.ids import NodeId
    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.store import Identity, IdentityFolder
    from cantor.identity.words import Word
    from cantor.mesh.core import MeshCore
    from cantor.node.settings import CodeRun
    from cantor.wire.frame import Value

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


class SignedWords:
    """What this node signs in its own name, and what others have signed so.

    ``code_run`` says whose code runs here beside this node's own.
    """

    def __init__(
        self,
        identity: Identity,
        signer: FactSigner,
        verifier: FactVerifier,
        is_denied: Callable[[PeerIdentity], bool],
        code_run: CodeRun = "none",
    ) -> None:
        self._node = identity.node_id
        self._tenant = identity.tenant
        self._signer = signer
        self._vouching = verifier.vouching
        self._is_denied = is_denied
        self._code_run = code_run

    def say(self, kind: str, content: Mapping[str, Value]) -> bytes:
        """A word of this node.

        Raises:
            IdentityError: it is too long.
        """
        signer, mesh = self._signer, self._vouching.mesh
        return make_word(kind, content, self._node, mesh, signer, signer.certificate)

    def read(self, packed: object, kind: str) -> Word:
        """A word of that kind.

        Raises:
            IdentityError: it does not hold, or its signer was put out of the mesh.
        """
        return read_word(packed, kind, self._vouching, self._is_denied)

    def may_run_code(self, word: Word) -> bool:
        """Whether whoever signed the word has ``code.run`` on this node."""
        is_named = self._code_run == "tenant" or word.by == self._node
        return is_named and word.tenant == self._tenant


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
