"""Certificates that somebody made up are refused, whatever is in them."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import msgpack
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cantor.identity.conftest import NOW

from cantor.base.errors import IdentityError
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.certificates import (
    CertificateChain,
    node_name,
    parse_certificates,
    public_key_of,
)
from cantor.identity.keys import check_request
from cantor.identity.rollover import read_succession
from cantor.identity.vouching import Vouching, is_own_word

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
P256 = bytes.fromhex("2a8648ce3d030107")  # the object identifier of the curve
NO_CURVE = bytes.fromhex("2a8648ce3d03017f")
AUTHORITY = Authority.create("mesh.test", "acme", now=NOW)
KEY = ec.generate_private_key(ec.SECP256R1())
REQUEST = (
    x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(KEY, hashes.SHA256())
)
CHAIN = AUTHORITY.issue(REQUEST.public_bytes(Encoding.PEM), now=NOW)
DERS = [one.public_bytes(Encoding.DER) for one in parse_certificates(CHAIN.pem)]


def pem(*ders: bytes) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, ders)).encode()


def self_made(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


ODD = {
    "another curve": self_made(ec.generate_private_key(ec.SECP384R1())),
    "another kind": self_made(ed25519.Ed25519PrivateKey.generate()),
    "a curve that is none": DERS[0].replace(P256, NO_CURVE),
    "no point of the curve": DERS[0].replace(b"\x00\x04", b"\x00\x05", 1),
    "a version that is none": DERS[0].replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"),
}


@pytest.mark.parametrize("der", ODD.values(), ids=ODD)
def test_an_odd_key_is_refused_by_our_own_error_wherever_it_stands(der: bytes) -> None:
    assert der != DERS[0]
    with pytest.raises(IdentityError):
        public_key_of(parse_certificates(pem(der))[0])
    with pytest.raises(IdentityError):
        node_name(parse_certificates(pem(der))[0])
    for chain in (pem(der, *DERS[1:]), pem(DERS[0], der), pem(*DERS, der)):
        with pytest.raises(IdentityError):
            Vouching("mesh.test", CHAIN.root_pem).vouched(chain)
        with pytest.raises(IdentityError):
            _ = CertificateChain(pem(DERS[0], der), CHAIN.root_pem).authority_key
    assert not is_own_word(NodeId("0" * 32), b"said", b"signed", pem(der))


@given(st.data())
def test_whatever_bytes_of_a_chain_are_changed_nothing_but_our_own_error_comes_of_it(
    draw: st.DataObject,
) -> None:
    place = draw.draw(st.integers(0, len(DERS) - 1))
    changed = bytearray(DERS[place])
    for _ in range(draw.draw(st.integers(1, 3))):
        changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    chain = pem(*DERS[:place], bytes(changed), *DERS[place + 1 :])
    with suppress(IdentityError):
        Vouching("mesh.test", CHAIN.root_pem).vouched(chain)
    with suppress(IdentityError):
        _ = CertificateChain(chain, pem(bytes(changed))).authority_key
    with suppress(IdentityError):
        CertificateChain(CHAIN.pem, pem(bytes(changed))).check()
    is_own_word(node_name(parse_certificates(CHAIN.pem)[0]).node_id, b"said", b"signed", chain)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_whatever_byte_of_a_request_is_changed_it_is_refused_by_our_own_error(
    place: int, byte: int
) -> None:
    request = bytearray(REQUEST.public_bytes(Encoding.DER))
    request[place % len(request)] = byte
    changed = ssl.DER_cert_to_PEM_cert(bytes(request)).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    with suppress(IdentityError):
        check_request(changed.encode())


@pytest.mark.parametrize("der", ODD.values(), ids=ODD)
def test_a_word_for_a_new_root_with_an_odd_key_is_refused_by_our_own_error(der: bytes) -> None:
    root = parse_certificates(CHAIN.root_pem)[0].public_bytes(Encoding.DER)
    for former, new in ((der, root), (root, der)):
        body = msgpack.packb({"former": former, "new": new, "at": 1.0})
        packed = msgpack.packb({"body": body, "signatures": [b"signed", b"signed"]})
        with pytest.raises(IdentityError):
            read_succession(packed, CHAIN.root_pem)
