"""Certificates as the rest of Cantor needs them: a checked chain, and what a leaf says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cantor.base.errors import IdentityError
from cantor.base.ids import node_id_from_public_key
from cantor.identity.names import NodeName, parse_node_uri, root_pin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

CHAIN_CERTIFICATES_MAX = 4
CHAIN_SIZE_BYTES_MAX = 32 * 1024
CERTIFICATE_ERRORS = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` raises over certificates that somebody made up."""


@dataclass(frozen=True)
class CertificateChain:
    """A node's certificates: ``pem`` is the leaf, then its authority; ``root_pem`` the roots.

    There are several roots, the newest first, while a mesh goes over to a new one; the authority is
    then certified by each of them, under one key.
    """

    pem: bytes
    root_pem: bytes

    @property
    def leaf(self) -> x509.Certificate:
        """The node's own certificate."""
        return parse_certificates(self.pem)[0]

    @property
    def root_pins(self) -> tuple[str, ...]:
        """The pins of the roots, as tokens carry them."""
        roots = parse_certificates(self.root_pem)
        return tuple(root_pin_of(root.public_bytes(Encoding.DER)) for root in roots)

    @property
    def authority_key(self) -> ec.EllipticCurvePublicKey:
        """The key of the authority of the tenant, which signed the leaf; for a checked chain."""
        return public_key_of(parse_certificates(self.pem)[-1])

    def check(self) -> NodeName:
        """Check every signature and constraint in the chain, and tell whom it names.

        Time is not looked at: see ``cantor.identity.contexts.verify_peer``.

        Raises:
            IdentityError: a certificate is malformed, or the chain does not hold.
        """
        leaf, *authorities = parse_certificates(self.pem)
        name = node_name(leaf)
        vouched_authority(authorities, self.root_pem, name.tenant, name.mesh)
        try:
            for authority in authorities:
                leaf.verify_directly_issued_by(authority)
        except CERTIFICATE_ERRORS as error:
            raise _broken("a signature in it does not hold") from error
        if _is_authority(leaf):
            raise _broken("one of its certificates plays a part that it was not issued for")
        return name


def vouched_authority(
    authorities: Sequence[x509.Certificate], root_pem: bytes, tenant: str, mesh: str
) -> ec.EllipticCurvePublicKey:
    """The key of a tenant's authority, of whose certificates one at least a root has issued.

    Raises:
        IdentityError: no root vouches for it, or it may not speak for that tenant.
    """
    roots = [root for root in parse_certificates(root_pem) if _issued(root, root)]
    vouched = [one for one in authorities if any(_issued(one, root) for root in roots)]
    if not vouched:
        raise _broken("a signature in it does not hold")
    if not _is_authority(vouched[0]):
        raise _broken("one of its certificates plays a part that it was not issued for")
    if f"{tenant}.{mesh}" not in _permitted_hosts(vouched[0]):
        raise _broken("its authority may not name nodes of that tenant")
    key = public_key_of(vouched[0])
    if any(public_key_of(one) != key for one in authorities):
        raise _broken("its authorities are not one")
    return key


def parse_certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates in a PEM text, at least one.

    Raises:
        IdentityError: it is no PEM text, too long, or holds more than four.
    """
    if len(pem) > CHAIN_SIZE_BYTES_MAX:
        raise _broken(f"it is longer than {CHAIN_SIZE_BYTES_MAX} bytes")
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except CERTIFICATE_ERRORS as error:
        raise _broken("it cannot be read") from error
    if len(certificates) > CHAIN_CERTIFICATES_MAX:
        raise _broken(f"it has more than {CHAIN_CERTIFICATES_MAX} certificates")
    return certificates


def node_name(leaf: x509.Certificate) -> NodeName:
    """Whom a leaf names, after checking that the name belongs to the key in it.

    Raises:
        IdentityError: it names no node, several, or one that another key owns.
    """
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        common_names = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except CERTIFICATE_ERRORS as error:
        raise _broken("it names no node") from error
    spki = public_key_spki(public_key_of(leaf))
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1 or len(list(names)) != 1:
        raise _broken("it does not name exactly one node")
    name = parse_node_uri(uris[0])
    if node_id_from_public_key(spki) != name.node_id:
        raise _broken("its name belongs to another key")
    if [attribute.value for attribute in common_names] != [name.node_id]:
        raise _broken("its common name is not its node id")
    return name


def public_key_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The P-256 key in a certificate.

    Raises:
        IdentityError: it is another kind of key, or none.
    """
    try:
        key = certificate.public_key()
    except CERTIFICATE_ERRORS as error:
        raise _broken("its key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _broken("its key is no P-256 key")
    return key


def public_key_spki(key: CertificatePublicKeyTypes) -> bytes:
    """The DER SubjectPublicKeyInfo of a P-256 key.

    Raises:
        IdentityError: it is another kind of key.
    """
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityError("the key is not a P-256 key", remedy="make the key with cantor itself")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _issued(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except CERTIFICATE_ERRORS:
        return False
    return _is_authority(root)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except CERTIFICATE_ERRORS:
        return False


def _permitted_hosts(issuing: x509.Certificate) -> set[str]:
    try:
        constraints = issuing.extensions.get_extension_for_class(x509.NameConstraints).value
    except CERTIFICATE_ERRORS:
        return set()
    permitted = constraints.permitted_subtrees or []
    return {name.value for name in permitted if isinstance(name, x509.UniformResourceIdentifier)}


def _broken(what: str) -> IdentityError:
    return IdentityError(what, where="certificate", remedy="enrol the node again with a new token")
