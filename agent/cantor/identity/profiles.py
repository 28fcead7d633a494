"""What each kind of certificate in a mesh contains."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

from cryptography import x509

from cantor.base.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric import ec

BACKDATE = dt.timedelta(minutes=5)


def new_certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    life: dt.timedelta,
    not_before_s: float = 0.0,
) -> x509.CertificateBuilder:
    """What every certificate has: names, key, serial number and life.

    It begins a little in the past, for clocks that are behind, but not before ``not_before_s``.
    """
    earliest = dt.datetime.fromtimestamp(not_before_s, dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BACKDATE, earliest))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def authority_extensions(
    builder: x509.CertificateBuilder, path_length: int
) -> x509.CertificateBuilder:
    """Add what lets a certificate sign others, ``path_length`` authorities deep."""
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), True)
    return builder.add_extension(_key_usage(authority=True), critical=True)


def leaf_extensions(
    builder: x509.CertificateBuilder,
    names: Sequence[x509.GeneralName],
    usages: Sequence[x509.ObjectIdentifier],
    issuer: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    """Add what lets a certificate speak TLS under ``names``, and sign nothing."""
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(authority_key_id(issuer), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def authority_key_id(issuer: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    """Which key signed a certificate."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer)


def common_name(common_name: str) -> x509.Name:
    """A subject that holds one common name."""
    # X.509 ends a common name at 64 characters; the key identifiers tell authorities apart.
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:64])])


def host_name(host: str) -> x509.GeneralName:
    """A host as a certificate writes it: a DNS name or an address.

    Raises:
        IdentityError: it is neither.
    """
    bare = host.strip("[]")
    try:
        return x509.IPAddress(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        return x509.DNSName(bare)
    except ValueError as error:
        raise IdentityError(
            f"not a host name: {host[:80]!r}", remedy="write a plain DNS name or address"
        ) from error
