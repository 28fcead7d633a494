"""The authority of a mesh: a root, and an issuing authority bound to one tenant.

The issuing authority may sign only URIs of ``<tenant>.<mesh>`` and no host names at all, so that it
can neither name another tenant's node nor pose as the hub.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from cantor.base.errors import IdentityError
from cantor.base.ids import node_id_from_public_key
from cantor.identity.certificates import CertificateChain, public_key_of, public_key_spki
from cantor.identity.keys import check_request, private_key_pem
from cantor.identity.names import check_mesh_name, node_uri, root_pin_of, trust_domain
from cantor.identity.profiles import (
    authority_extensions,
    authority_key_id,
    common_name,
    host_name,
    leaf_extensions,
    new_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LEAF_LIFE = dt.timedelta(days=35)
SERVER_LIFE = dt.timedelta(days=365)
ISSUING_LIFE = dt.timedelta(days=5 * 365)
ROOT_LIFE = dt.timedelta(days=20 * 365)
BRIDGE = LEAF_LIFE + dt.timedelta(days=7)
"""After this time chains show no more what a former root certified."""
RETIRE = BRIDGE + dt.timedelta(days=7)
"""After this time a former root is trusted no more: no leaf from before it is left."""
_EXCLUDED_HOSTS = (
    x509.DNSName(""),
    x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")),
    x509.IPAddress(ipaddress.ip_network("::/0")),
)


@dataclass(frozen=True)
class Signer:
    """A certificate and its key; the root's may be kept elsewhere."""

    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey | None = field(repr=False)

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The private key.

        Raises:
            IdentityError: it is kept elsewhere.
        """
        if self._key is None:
            raise IdentityError(
                "the key of the root is not on this machine",
                where="authority",
                remedy="bring it back with cantor mesh import-root FILE",
            )
        return self._key

    @property
    def is_here(self) -> bool:
        """Whether the key is on this machine."""
        return self._key is not None

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key that its signatures are checked with."""
        return public_key_of(self.certificate)


@dataclass(frozen=True)
class FormerRoot:
    """The root before the present one, while the mesh goes over: see ``cantor.identity.rollover``.

    It certified the present root (``cross``) and the present issuing key (``issuing``), so that who
    knows only it trusts everything new; ``statement`` is its word that the present root follows.
    """

    certificate: x509.Certificate
    cross: x509.Certificate
    issuing: x509.Certificate
    statement: bytes
    since: dt.datetime


@dataclass
class Authority:
    """Issues the certificates of one tenant's nodes in one mesh.

    ``folder`` is where it is kept, if it was read from there. It stays the same object when the
    mesh goes over to a new root, for all who hold it; then ``watchers`` are called.
    """

    mesh: str
    tenant: str
    root: Signer
    issuing: Signer
    former: FormerRoot | None = None
    folder: Path | None = field(default=None, compare=False)
    watchers: list[Callable[[], None]] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def create(cls, mesh: str, tenant: str = "default", *, now: dt.datetime) -> Authority:
        """Make the root of a new mesh and the issuing authority of its first tenant.

        Raises:
            ConfigError: a name cannot stand in a certificate.
        """
        root = make_root(mesh, now)
        return cls(mesh, tenant, root, make_issuing(root, mesh, tenant, now))

    def for_tenant(self, tenant: str, *, now: dt.datetime) -> Authority:
        """A new issuing authority under the same root: another tenant's, or this one's renewed."""
        issuing = make_issuing(self.root, self.mesh, tenant, now)
        return Authority(self.mesh, tenant, self.root, issuing)

    def root_pem_at(self, now_s: float) -> bytes:
        """The roots to trust at a time (seconds since 1970) in PEM, the present one first."""
        former = self.former
        is_trusted = former is not None and now_s < (former.since + RETIRE).timestamp()
        return self.root_pem if is_trusted else _pem(self.root.certificate)

    @property
    def root_pem(self) -> bytes:
        """The root certificate in PEM; one that was before it follows."""
        return _pem(self.root.certificate, self.former.certificate if self.former else None)

    def issuing_pem_at(self, now_s: float) -> bytes:
        """The certificates of the issuing authority, as chains carry them at a time.

        That of the former root is first: OpenSSL follows the first, and all know that root.
        """
        former = self.former
        shows = former is not None and now_s < (former.since + BRIDGE).timestamp()
        bridge = former.issuing if former is not None and shows else None
        return _pem(bridge, self.issuing.certificate)

    @property
    def root_pin(self) -> str:
        """What tokens carry: the first 16 bytes of the root's SHA-256, in hexadecimal."""
        return root_pin_of(self.root.certificate.public_bytes(Encoding.DER))

    def issue(
        self,
        csr_pem: bytes,
        *,
        now: dt.datetime,
        not_before_s: float = 0.0,
        life: dt.timedelta = LEAF_LIFE,
    ) -> CertificateChain:
        """A node certificate for the key that signed the request; its other wishes are ignored.

        Args:
            csr_pem: the request.
            now: the present.
            not_before_s: the earliest second (since 1970) at which it may begin, so that it is told
                from certificates that were denied.
            life: until when it holds.

        Raises:
            IdentityError: the request does not hold, or this authority is about to expire.
        """
        key = check_request(csr_pem)
        node = node_id_from_public_key(public_key_spki(key))
        issuer = self.issuing.certificate
        if now + life > issuer.not_valid_after_utc:
            raise IdentityError(
                f"the authority of tenant {self.tenant} ends before a new certificate would",
                where=f"mesh {self.mesh}",
                remedy="renew the authority, or correct the clock of the hub",
            )
        builder = new_certificate(common_name(node), issuer.subject, key, now, life, not_before_s)
        uri = x509.UniformResourceIdentifier(node_uri(self.tenant, self.mesh, node))
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = leaf_extensions(builder, [uri], usages, self.issuing.public_key)
        leaf = builder.sign(self.issuing.key, hashes.SHA256())
        now_s = now.timestamp()
        return CertificateChain(_pem(leaf) + self.issuing_pem_at(now_s), self.root_pem_at(now_s))

    def issue_server(self, hosts: Sequence[str], *, now: dt.datetime) -> bytes:
        """Key, certificate and roots in one PEM for the HTTPS listener of a hub or an issuer.

        The root signs it directly, since issuing authorities may not name hosts.

        Args:
            hosts: names and addresses without ports, as tokens and browsers write them.

        Raises:
            IdentityError: no host was given.
        """
        if not hosts:
            raise IdentityError(
                "a server certificate needs a host", remedy="name the hub's address"
            )
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.root.certificate
        life = min(SERVER_LIFE, issuer.not_valid_after_utc - now)
        builder = new_certificate(
            common_name(f"Cantor hub of {self.mesh}"), issuer.subject, key.public_key(), now, life
        )
        usages = [ExtendedKeyUsageOID.SERVER_AUTH]
        builder = leaf_extensions(
            builder, [host_name(host) for host in hosts], usages, self.root.public_key
        )
        certificate = builder.sign(self.root.key, hashes.SHA256())
        cross = self.former.cross if self.former else None
        return private_key_pem(key) + _pem(certificate, cross) + self.root_pem

    def sign(self, message: bytes) -> bytes:
        """An ECDSA signature by the issuing authority, which any node of the mesh can check."""
        return self.issuing.key.sign(message, ec.ECDSA(hashes.SHA256()))


def make_root(mesh: str, now: dt.datetime, generation: int = 1) -> Signer:
    """A new root of a mesh.

    Raises:
        IdentityError: the name of the mesh cannot stand in a certificate.
    """
    check_mesh_name(mesh)
    key = ec.generate_private_key(ec.SECP256R1())
    # Roots of one mesh need names of their own, because OpenSSL looks for an issuer by its name.
    name = common_name(f"Cantor root{f' {generation}' if generation > 1 else ''} of {mesh}")
    builder = new_certificate(name, name, key.public_key(), now, ROOT_LIFE)
    builder = authority_extensions(builder, path_length=1)
    return Signer(builder.sign(key, hashes.SHA256()), key)


def make_issuing(
    root: Signer,
    mesh: str,
    tenant: str,
    now: dt.datetime,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Signer:
    """An issuing authority of a tenant under a root; its key is new unless it is given.

    Raises:
        IdentityError: the name of the tenant cannot stand in a certificate.
    """
    own = x509.UniformResourceIdentifier(trust_domain(tenant, mesh))
    key = key or ec.generate_private_key(ec.SECP256R1())
    life = min(ISSUING_LIFE, root.certificate.not_valid_after_utc - now)
    name = common_name(f"Cantor authority of {tenant} in {mesh}")
    builder = new_certificate(name, root.certificate.subject, key.public_key(), now, life)
    builder = authority_extensions(builder, path_length=0)
    builder = builder.add_extension(x509.NameConstraints([own], _EXCLUDED_HOSTS), critical=True)
    builder = builder.add_extension(authority_key_id(root.public_key), critical=False)
    return Signer(builder.sign(root.key, hashes.SHA256()), key)


def _pem(*certificates: x509.Certificate | None) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates if one is not None)
