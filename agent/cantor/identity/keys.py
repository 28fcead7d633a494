"""P-256 keys and the requests that prove their possession."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cantor.base.errors import IdentityError
from cantor.identity.certificates import CERTIFICATE_ERRORS, public_key_spki

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

CSR_SIZE_BYTES_MAX = 8 * 1024


def check_request(csr_pem: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a certificate request, after its owner proved to hold the private half.

    Raises:
        IdentityError: the request is malformed, not signed by its key, or no P-256 key.
    """
    try:
        if len(csr_pem) > CSR_SIZE_BYTES_MAX:
            raise ValueError
        request = x509.load_pem_x509_csr(csr_pem)
        key = request.public_key()
        holds = request.is_signature_valid
    except CERTIFICATE_ERRORS as error:
        raise IdentityError("the certificate request cannot be read", where="enrolment") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not holds:
        raise IdentityError("the certificate request is not signed by its own P-256 key")
    public_key_spki(key)
    return key


def private_key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PKCS#8 PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def parse_private_key(pem: bytes, where: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 private key from PEM.

    Raises:
        IdentityError: it is damaged or of another kind.
    """
    try:
        key = load_pem_private_key(pem, None)
    except CERTIFICATE_ERRORS as error:
        remedy = "restore it from a backup, or move the folder away and enrol the box as a new node"
        raise IdentityError("the private key is damaged", where=where, remedy=remedy) from error
    return checked_key(key, where)


def checked_key(key: PrivateKeyTypes, where: str) -> ec.EllipticCurvePrivateKey:
    """``key`` if it is a P-256 key.

    Raises:
        IdentityError: it is of another kind.
    """
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityError("the private key is not a P-256 key", where=where)
    public_key_spki(key.public_key())
    return key
