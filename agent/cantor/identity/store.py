"""The folder in which a node keeps who it is.

    key.pem        the private key (0600), made once and for life
    token          the enrolment token (0600), until the certificate is here
    identity.pem   key and certificates in one file (0600), replaced in one step
    root.pem       the root of the mesh
    clock.json     the earliest time that can be, as far as signed messages told
    lease          the authority's last word that it knows this node
    replaces       the authority's word that this node took another's place
    succession     the word that one root of the mesh follows another, until that is over

Key and token are on the disk before the first request leaves, so that a lost reply costs nothing:
the same key asks again and gets the same certificate.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.base.ids import NodeId, node_id_from_public_key
from cantor.identity.certificates import (
    CertificateChain,
    parse_certificates,
    public_key_spki,
)
from cantor.identity.files import (
    PUBLIC_MODE,
    make_private_folder,
    publish,
    read_private,
    sync_folder,
    write_draft,
    write_durably,
)
from cantor.identity.keys import parse_private_key, private_key_pem
from cantor.identity.rollover import Succession, read_succession, without_bridge
from cantor.identity.tokens import EnrolmentToken
from cantor.identity.trusted_time import TrustedTime

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.base.clock import Clock

RENEW = "restore the folder from a backup, or get a new certificate: cantor enroll TOKEN --again"


@dataclass(frozen=True)
class Identity:
    """A node that belongs to a mesh: what TLS contexts are built from.

    ``pem_path`` holds key and chain; ``not_after`` is in seconds since 1970.
    """

    node_id: NodeId
    tenant: str
    mesh: str
    not_after: float
    pem_path: Path
    root_pem: bytes


class IdentityFolder:
    """One node's key, token and certificate on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The node's key; made and written durably when it is first asked for.

        Raises:
            IdentityError: the file is damaged, or others may read it.
        """
        path = self.path / "key.pem"
        if not path.exists():
            make_private_folder(self.path)
            key = ec.generate_private_key(ec.SECP256R1())
            write_durably(path, private_key_pem(key))
            return key
        return parse_private_key(read_private(path), str(path))

    @property
    def node_id(self) -> NodeId:
        """The name of this node, which follows from its key."""
        return node_id_from_public_key(public_key_spki(self.private_key.public_key()))

    def csr_pem(self) -> bytes:
        """A certificate request that proves possession of the key."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.node_id)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        return request.sign(self.private_key, hashes.SHA256()).public_bytes(Encoding.PEM)

    @property
    def enrolled(self) -> bool:
        """Whether a certificate is here."""
        return (self.path / "identity.pem").exists()

    @property
    def chain(self) -> CertificateChain:
        """The certificates of this node.

        Raises:
            IdentityError: it is not enrolled, or a file is damaged.
        """
        if not self.enrolled:
            raise IdentityError(
                "this node belongs to no mesh yet",
                where=str(self.path),
                remedy="enrol it: cantor enroll TOKEN",
            )
        pem = read_private(self.path / "identity.pem")
        return CertificateChain(pem[pem.find(b"-----BEGIN CERTIFICATE") :], self.root_pem)

    @property
    def certificate(self) -> x509.Certificate:
        """This node's own certificate.

        Raises:
            IdentityError: it is not enrolled, or a file is damaged.
        """
        return self._readable_chain().leaf

    @property
    def root_pem(self) -> bytes:
        """The root of this node's mesh in PEM.

        Raises:
            IdentityError: it is missing.
        """
        path = self.path / "root.pem"
        try:
            return path.read_bytes()
        except OSError as error:
            raise IdentityError(
                f"cannot be read: {error.strerror}", where=str(path), remedy="enrol the node again"
            ) from error

    @property
    def identity(self) -> Identity:
        """Who this node is, after checking its files.

        Raises:
            IdentityError: it is not enrolled, or its files do not belong together.
        """
        chain = self._readable_chain()
        try:
            name = chain.check()
        except IdentityError as error:
            what = f"does not hold with root.pem beside it: {error.what}"
            where = str(self.path / "identity.pem")
            raise IdentityError(what, where=where, remedy=RENEW) from error
        if name.node_id != self.node_id:
            raise IdentityError(
                "the certificate here is for another key",
                where=str(self.path),
                remedy="restore the folder as a whole, or enrol with a new token",
            )
        return Identity(
            node_id=name.node_id,
            tenant=name.tenant,
            mesh=name.mesh,
            not_after=chain.leaf.not_valid_after_utc.timestamp(),
            pem_path=self.path / "identity.pem",
            root_pem=chain.root_pem,
        )

    def _readable_chain(self) -> CertificateChain:
        """The certificates here, after a look at whether both files can be read."""
        chain = self.chain
        for name, pem in (("identity.pem", chain.pem), ("root.pem", chain.root_pem)):
            try:
                parse_certificates(pem)
            except IdentityError as error:
                where = str(self.path / name)
                raise IdentityError("is damaged", where=where, remedy=RENEW) from error
        return chain

    @property
    def is_damaged(self) -> bool:
        """Whether there are certificates here that cannot be used."""
        try:
            _ = self.identity if self.enrolled else None
        except IdentityError:
            return True
        return False

    def keep_token(self, token: EnrolmentToken) -> None:
        """Write key and token durably: to be done before the first request."""
        make_private_folder(self.path)
        _ = self.private_key
        write_durably(self.path / "token", token.text.encode())

    @property
    def token(self) -> EnrolmentToken | None:
        """The token of an enrolment that has not ended yet."""
        path = self.path / "token"
        if not path.exists():
            return None
        return EnrolmentToken.parse(read_private(path).decode("ascii", "replace"))

    def install(self, chain: CertificateChain) -> Identity:
        """Put a certificate in place, so that it is there wholly or not at all, and drop the token.

        Raises:
            IdentityError: the chain does not hold or is for another key.
            EnrolmentError: this node already belongs to another mesh.
        """
        name = chain.check()
        if name.node_id != self.node_id:
            raise IdentityError(
                "the certificate is for another key",
                where=f"node {self.node_id}",
                remedy="ask again with this node's own request",
            )
        if self.enrolled and not self.is_damaged and self.identity.mesh != name.mesh:
            raise EnrolmentError(
                f"this node already belongs to mesh {self.identity.mesh}",
                where=str(self.path),
                remedy="use another folder for another mesh",
            )
        self._publish(chain)
        token = self.path / "token"
        if token.exists():
            token.unlink()
            sync_folder(self.path)
        return self.identity

    def _publish(self, chain: CertificateChain) -> None:
        path = self.path / "identity.pem"
        draft = write_draft(path, private_key_pem(self.private_key) + chain.pem)
        try:
            # A pair that OpenSSL refuses would break the live contexts that load it later.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(draft)
        except (ssl.SSLError, OSError) as error:
            draft.unlink(missing_ok=True)
            raise IdentityError("OpenSSL refuses the certificate", where=str(path)) from error
        write_durably(self.path / "root.pem", chain.root_pem, PUBLIC_MODE)
        publish(draft, path)

    @property
    def succession(self) -> Succession | None:
        """The word that one root of this mesh follows another, if it was heard and is not over.

        Raises:
            IdentityError: the file is damaged.
        """
        path = self.path / "succession"
        if not path.exists():
            return None
        try:
            return read_succession(path.read_bytes(), self.root_pem)
        except IdentityError as error:
            remedy = "restore it from a backup, or remove it: issuers tell it again"
            raise IdentityError("is damaged", where=str(path), remedy=remedy) from error

    def follow(self, packed: bytes, now_s: float) -> bool:
        """Trust what a succession says, durably; whether it was news.

        Raises:
            IdentityError: it does not hold.
        """
        before = self.succession
        heard = read_succession(packed, self.root_pem)
        if now_s >= heard.retires_at_s or (before is not None and heard.at_s <= before.at_s):
            return False
        write_durably(self.path / "succession", packed, PUBLIC_MODE)
        write_durably(self.path / "root.pem", heard.roots_pem(now_s), PUBLIC_MODE)
        return True

    def retire(self, now_s: float) -> bool:
        """Give up what a succession is over for; whether anything has changed."""
        word = self.succession
        if word is None or now_s < word.bridges_until_s or not self.enrolled:
            return False
        chain = self.chain
        bare = without_bridge(chain.pem, word)
        roots = word.roots_pem(now_s)
        if bare != chain.pem or roots != chain.root_pem:
            CertificateChain(bare, roots).check()
            self._publish(CertificateChain(bare, roots))
            return True
        return False

    def statement(self, name: str) -> bytes:
        """The authority's last word of that kind; empty if there was none."""
        path = self.path / name
        return path.read_bytes() if path.exists() else b""

    def keep_statement(self, name: str, packed: bytes) -> None:
        """Keep the authority's word: ``lease``, ``replaces``, ``policy`` or ``projects``."""
        write_durably(self.path / name, packed, PUBLIC_MODE)

    @property
    def trusted_time(self) -> TrustedTime:
        """What signed messages told about time; a damaged file counts as nothing known."""
        try:
            facts = json.loads((self.path / "clock.json").read_bytes())
            return TrustedTime(float(facts["floor_s"]), float(facts["offset_s"]))
        except (OSError, ValueError, KeyError, TypeError):
            return TrustedTime()

    def learn_time(self, signed_s: float, wall_s: float) -> TrustedTime:
        """Take note of a time that an authority signed, durably."""
        learnt = self.trusted_time.learn(signed_s, wall_s)
        make_private_folder(self.path)
        facts = json.dumps({"floor_s": learnt.floor_s, "offset_s": learnt.offset_s}).encode()
        write_durably(self.path / "clock.json", facts, PUBLIC_MODE)
        return learnt

    def now(self, wall_s: float) -> float:
        """The best guess of the time: see ``TrustedTime.now``."""
        return self.trusted_time.now(wall_s)


class TrustedClock:
    """A box's clock, corrected by what the authority has signed: see ``TrustedTime``."""

    def __init__(self, folder: IdentityFolder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._time = folder.trusted_time

    @property
    def floor_s(self) -> float:
        """The time that is known to have passed, in seconds since 1970."""
        return self._time.floor_s

    def now(self) -> float:
        """The best guess of the time, in seconds since 1970."""
        return self._time.now(self._clock.wall())

    def learn(self, signed_s: float) -> None:
        """Take note of a time that an authority has just signed, durably."""
        self._time = self._folder.learn_time(signed_s, self._clock.wall())
