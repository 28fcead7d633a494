"""The authority of a mesh: a root, and an issuing authority bound to one tenant.

The issuing authority may sign only URIs of ``<tenant>.<mesh>`` and no host names at all, so that it
can neither name another tenant's node nor pose as the hub.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from cantor.base.errors import IdentityError
from cantor.base.ids import node_id_from_public_key
from cantor.identity.certificates import CertificateChain, parse_certificates, public_key_spki
from cantor.identity.files import PUBLIC_MODE, make_private_folder, read_private, write_durably
from cantor.identity.keys import check_request, parse_private_key, private_key_pem
from cantor.identity.names import node_uri, root_pin_of, trust_domain
from cantor.identity.profiles import (
    authority_extensions,
    authority_key_id,
    common_name,
    host_name,
    leaf_extensions,
    new_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LEAF_LIFE = dt.timedelta(days=35)
SERVER_LIFE = dt.timedelta(days=365)
ISSUING_LIFE = dt.timedelta(days=5 * 365)
ROOT_LIFE = dt.timedelta(days=20 * 365)
_EXCLUDED_HOSTS = (
    x509.DNSName(""),
    x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")),
    x509.IPAddress(ipaddress.ip_network("::/0")),
)


@dataclass(frozen=True)
class _Signer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self.key.public_key()


@dataclass(frozen=True)
class Authority:
    """Issues the certificates of one tenant's nodes in one mesh."""

    mesh: str
    tenant: str
    _root: _Signer
    _issuing: _Signer

    @classmethod
    def create(cls, mesh: str, tenant: str = "default", *, now: dt.datetime) -> Authority:
        """Make the root of a new mesh and the issuing authority of its first tenant.

        Raises:
            IdentityError: a name cannot stand in a certificate.
        """
        trust_domain(tenant, mesh)
        key = ec.generate_private_key(ec.SECP256R1())
        name = common_name(f"Cantor root of {mesh}")
        builder = new_certificate(name, name, key.public_key(), now, ROOT_LIFE)
        builder = authority_extensions(builder, path_length=1)
        root = _Signer(builder.sign(key, hashes.SHA256()), key)
        return cls(mesh, tenant, root, _make_issuing(root, mesh, tenant, now))

    def for_tenant(self, tenant: str, *, now: dt.datetime) -> Authority:
        """A new issuing authority under the same root: another tenant's, or this one's renewed."""
        trust_domain(tenant, self.mesh)
        return Authority(
            self.mesh, tenant, self._root, _make_issuing(self._root, self.mesh, tenant, now)
        )

    @property
    def root_pem(self) -> bytes:
        """The root certificate in PEM."""
        return self._root.certificate.public_bytes(Encoding.PEM)

    @property
    def root_pin(self) -> str:
        """What tokens carry: the first 16 bytes of the root's SHA-256, in hexadecimal."""
        return root_pin_of(self._root.certificate.public_bytes(Encoding.DER))

    def issue(self, csr_pem: bytes, *, now: dt.datetime) -> CertificateChain:
        """A node certificate for the key that signed the request; its other wishes are ignored.

        Raises:
            IdentityError: the request does not hold, or this authority is about to expire.
        """
        key = check_request(csr_pem)
        node = node_id_from_public_key(public_key_spki(key))
        issuer = self._issuing.certificate
        if now + LEAF_LIFE > issuer.not_valid_after_utc:
            raise IdentityError(
                f"the authority of tenant {self.tenant} ends before a new certificate would",
                where=f"mesh {self.mesh}",
                remedy="renew the authority, or correct the clock of the hub",
            )
        builder = new_certificate(common_name(node), issuer.subject, key, now, LEAF_LIFE)
        uri = x509.UniformResourceIdentifier(node_uri(self.tenant, self.mesh, node))
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = leaf_extensions(builder, [uri], usages, self._issuing.public_key)
        leaf = builder.sign(self._issuing.key, hashes.SHA256())
        pem = leaf.public_bytes(Encoding.PEM) + issuer.public_bytes(Encoding.PEM)
        return CertificateChain(pem, self.root_pem)

    def issue_server(self, hosts: Sequence[str], *, now: dt.datetime) -> bytes:
        """Key, certificate and root in one PEM for the hub's HTTPS listener.

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
        issuer = self._root.certificate
        life = min(SERVER_LIFE, issuer.not_valid_after_utc - now)
        builder = new_certificate(
            common_name(f"Cantor hub of {self.mesh}"), issuer.subject, key.public_key(), now, life
        )
        usages = [ExtendedKeyUsageOID.SERVER_AUTH]
        builder = leaf_extensions(
            builder, [host_name(host) for host in hosts], usages, self._root.public_key
        )
        certificate = builder.sign(self._root.key, hashes.SHA256())
        return private_key_pem(key) + certificate.public_bytes(Encoding.PEM) + self.root_pem

    def sign(self, message: bytes) -> bytes:
        """An ECDSA signature by the issuing authority, which any node of the mesh can check."""
        return self._issuing.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def save(self, folder: Path) -> None:
        """Write keys (0600) and certificates durably into ``folder``."""
        make_private_folder(folder)
        for name, signer in (("root", self._root), ("issuing", self._issuing)):
            pem = signer.certificate.public_bytes(Encoding.PEM)
            write_durably(folder / f"{name}.key.pem", private_key_pem(signer.key))
            write_durably(folder / f"{name}.pem", pem, PUBLIC_MODE)
        facts = json.dumps({"mesh": self.mesh, "tenant": self.tenant}).encode()
        write_durably(folder / "authority.json", facts, PUBLIC_MODE)

    @classmethod
    def load(cls, folder: Path) -> Authority:
        """Read what ``save`` wrote.

        Raises:
            IdentityError: a file is missing or damaged, or others may read a key.
        """
        path = folder / "authority.json"
        try:
            facts = json.loads(path.read_bytes())
            mesh, tenant = str(facts["mesh"]), str(facts["tenant"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IdentityError(
                "holds no authority",
                where=str(folder),
                remedy="start a hub with cantor hub, or restore its folder",
            ) from error
        trust_domain(tenant, mesh)
        return cls(mesh, tenant, _load_signer(folder, "root"), _load_signer(folder, "issuing"))


def _make_issuing(root: _Signer, mesh: str, tenant: str, now: dt.datetime) -> _Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    life = min(ISSUING_LIFE, root.certificate.not_valid_after_utc - now)
    name = common_name(f"Cantor authority of {tenant} in {mesh}")
    builder = new_certificate(name, root.certificate.subject, key.public_key(), now, life)
    builder = authority_extensions(builder, path_length=0)
    own = x509.UniformResourceIdentifier(trust_domain(tenant, mesh))
    builder = builder.add_extension(x509.NameConstraints([own], _EXCLUDED_HOSTS), critical=True)
    builder = builder.add_extension(authority_key_id(root.public_key), critical=False)
    return _Signer(builder.sign(root.key, hashes.SHA256()), key)


def _load_signer(folder: Path, name: str) -> _Signer:
    where = folder / f"{name}.key.pem"
    key = parse_private_key(read_private(where), str(where))
    try:
        certificate = parse_certificates((folder / f"{name}.pem").read_bytes())[0]
    except OSError as error:
        raise IdentityError(
            f"cannot be read: {error.strerror}",
            where=str(folder / f"{name}.pem"),
            remedy="restore it from a backup",
        ) from error
    if certificate.public_key() != key.public_key():
        raise IdentityError(
            f"the {name} key and certificate do not belong together",
            where=str(folder),
            remedy="restore both from the same backup",
        )
    return _Signer(certificate, key)
