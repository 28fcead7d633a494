from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from cantor.base.errors import ConfigError, IdentityError
from cantor.identity.authority import ISSUING_LIFE, LEAF_LIFE, Authority
from cantor.identity.authority_folder import load_authority, save_authority
from cantor.identity.certificates import CertificateChain, parse_certificates
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    from pathlib import Path


def request_by(key: ec.EllipticCurvePrivateKey, subject: str = "box") -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    uri = x509.UniformResourceIdentifier("spiffe://evil.mesh.test/node/" + "0" * 32)
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    builder = builder.add_extension(x509.SubjectAlternativeName([uri]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_the_authority_names_the_node_by_its_key_whatever_was_wished(
    authority: Authority, now: dt.datetime
) -> None:
    chain = authority.issue(request_by(ec.generate_private_key(ec.SECP256R1())), now=now)
    name = chain.check()
    assert (name.tenant, name.mesh) == ("acme", "mesh.test")
    assert chain.leaf.subject.rfc4514_string() == f"CN={name.node_id}"
    assert chain.leaf.not_valid_after_utc - now == LEAF_LIFE
    assert chain.root_pins == (authority.root_pin,)
    assert len(authority.root_pin) == 32


def test_a_request_that_does_not_prove_its_key_is_refused(
    authority: Authority, now: dt.datetime
) -> None:
    good = x509.load_pem_x509_csr(request_by(ec.generate_private_key(ec.SECP256R1())))
    der = bytearray(good.public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    for csr in (forged, b"", b"nonsense", b"x" * 10_000):
        with pytest.raises(IdentityError):
            authority.issue(csr, now=now)


def test_other_kinds_of_key_are_refused(authority: Authority, now: dt.datetime) -> None:
    name = x509.Name([])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    edwards = builder.sign(ed25519.Ed25519PrivateKey.generate(), None)
    for csr in (
        edwards.public_bytes(Encoding.PEM),
        request_by(ec.generate_private_key(ec.SECP384R1())),
    ):
        with pytest.raises(IdentityError, match="P-256"):
            authority.issue(csr, now=now)


def test_an_authority_survives_the_disk_and_keeps_its_keys_to_itself(
    tmp_path: Path, authority: Authority, now: dt.datetime
) -> None:
    save_authority(authority, tmp_path / "ca")
    for name in ("root.key.pem", "issuing.key.pem"):
        assert (tmp_path / "ca" / name).stat().st_mode & 0o777 == 0o600
    loaded = load_authority(tmp_path / "ca")
    assert loaded.root_pin == authority.root_pin
    loaded.issue(IdentityFolder(tmp_path / "node").csr_pem(), now=now).check()
    assert "PRIVATE" not in repr(loaded)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path, authority: Authority) -> None:
    save_authority(authority, tmp_path)
    (tmp_path / "root.key.pem").chmod(0o640)
    with pytest.raises(IdentityError, match="others may read"):
        load_authority(tmp_path)


@pytest.mark.parametrize("name", ["authority.json", "root.pem", "issuing.key.pem"])
def test_a_missing_or_damaged_file_is_named(
    tmp_path: Path, authority: Authority, name: str
) -> None:
    save_authority(authority, tmp_path)
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(IdentityError):
        load_authority(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(IdentityError):
        load_authority(tmp_path)


def test_keys_and_certificates_of_two_authorities_do_not_mix(
    tmp_path: Path, authority: Authority, now: dt.datetime
) -> None:
    save_authority(authority, tmp_path)
    other = Authority.create("mesh.test", now=now)
    (tmp_path / "root.pem").write_bytes(other.root_pem)
    with pytest.raises(IdentityError, match="do not belong together"):
        load_authority(tmp_path)


def test_an_authority_never_outlives_itself_and_can_be_renewed(
    authority: Authority, tmp_path: Path, now: dt.datetime
) -> None:
    csr = IdentityFolder(tmp_path).csr_pem()
    late = now + ISSUING_LIFE - dt.timedelta(days=1)
    with pytest.raises(IdentityError, match="ends before"):
        authority.issue(csr, now=late)
    chain = authority.for_tenant("acme", now=late).issue(csr, now=late)
    assert chain.check().tenant == "acme"
    assert chain.root_pins == (authority.root_pin,)


def test_a_chain_with_any_part_of_another_mesh_is_refused(
    authority: Authority, tmp_path: Path, now: dt.datetime
) -> None:
    csr = IdentityFolder(tmp_path).csr_pem()
    b = Authority.create("b", now=now)
    ours, theirs = (a.issue(csr, now=now) for a in (authority, b))
    leaf = ours.leaf.public_bytes(Encoding.PEM)
    issuing = b.issuing_pem_at(now.timestamp())
    for chain in (
        CertificateChain(ours.pem, theirs.root_pem),
        CertificateChain(leaf + issuing, ours.root_pem),
        CertificateChain(leaf, ours.root_pem),
        CertificateChain(leaf + leaf, ours.root_pem),
        CertificateChain(ours.pem * 3, ours.root_pem),
        CertificateChain(b"", ours.root_pem),
        CertificateChain(b" " * 40_000, ours.root_pem),
    ):
        with pytest.raises(IdentityError):
            chain.check()


def test_names_that_cannot_stand_in_a_certificate_are_refused(now: dt.datetime) -> None:
    for mesh, tenant in (("Mesh", "a"), ("a/b", "a"), ("", "a"), ("m", "a.b"), ("m" * 121, "a")):
        with pytest.raises(ConfigError):
            Authority.create(mesh, tenant, now=now)
    long_name = Authority.create("m" * 60 + ".example", "t" * 63, now=now)
    assert long_name.mesh.endswith(".example")


def test_a_server_certificate_carries_its_key_and_ends_with_the_root(
    authority: Authority, now: dt.datetime
) -> None:
    pem = authority.issue_server(["hub.local", "10.0.0.7", "[::1]"], now=now)
    certificates = parse_certificates(pem)
    names = certificates[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.local"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7", "::1"]
    assert certificates[-1].public_bytes(Encoding.PEM) == authority.root_pem
    for hosts in ([], ["h\u00fcb"]):
        with pytest.raises(IdentityError):
            authority.issue_server(hosts, now=now)
