from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.identity.authority import Authority
from cantor.identity.authority_folder import save_authority
from cantor.identity.contexts import (
    client_context,
    enrolment_context,
    pinned_root,
    reload,
    server_context,
    verify_peer,
)
from cantor.identity.keys import private_key_pem
from cantor.identity.profiles import common_name, leaf_extensions, new_certificate
from cantor.identity.store import Identity, IdentityFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Ends = tuple[ssl.SSLObject, ssl.SSLObject]


def handshake(
    server: ssl.SSLContext,
    client: ssl.SSLContext,
    *,
    host: str | None = None,
    session: ssl.SSLSession | None = None,
) -> Ends:
    """A whole handshake in memory, with one message after it so that tickets arrive."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    dialled = client.wrap_bio(down, up, server_hostname=host, session=session)
    accepted = server.wrap_bio(up, down, server_side=True)
    waiting = [dialled, accepted]
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    accepted.write(b"hello")
    assert dialled.read(5) == b"hello"
    return accepted, dialled


def test_both_ends_learn_who_the_other_is(
    make_node: Callable[..., Identity], now: dt.datetime
) -> None:
    left, right = make_node("left"), make_node("right")
    accepted, dialled = handshake(server_context(left), client_context(right))
    assert accepted.version() == "TLSv1.3"
    seen = verify_peer(accepted, mesh="mesh.test", now=now.timestamp())
    assert (seen.node_id, seen.tenant, seen.mesh) == (right.node_id, "acme", "mesh.test")
    assert seen.not_after == right.not_after
    assert verify_peer(dialled, mesh="mesh.test", now=now.timestamp()).node_id == left.node_id


def test_no_session_is_ever_resumed(make_node: Callable[..., Identity]) -> None:
    server, client = server_context(make_node("left")), client_context(make_node("right"))
    assert server.num_tickets == 0
    _, dialled = handshake(server, client)
    assert dialled.session is None or not dialled.session.has_ticket
    _, again = handshake(server, client, session=dialled.session)
    assert not again.session_reused


def test_the_check_above_would_notice_a_resumed_session(
    make_node: Callable[..., Identity],
) -> None:
    server, client = server_context(make_node("left")), client_context(make_node("right"))
    server.num_tickets = 2
    _, dialled = handshake(server, client)
    _, again = handshake(server, client, session=dialled.session)
    assert again.session_reused


@pytest.mark.parametrize("year", [1970, 2036])
def test_a_handshake_does_not_look_at_time(
    make_node: Callable[..., Identity], authority: Authority, year: int
) -> None:
    wrong = dt.datetime(year, 1, 2, tzinfo=dt.UTC)
    by = authority.for_tenant("acme", now=wrong)
    left, right = make_node("left", by, wrong), make_node("right", by, wrong)
    accepted, _ = handshake(server_context(left), client_context(right))
    seen = verify_peer(accepted, mesh="mesh.test", now=wrong.timestamp())
    assert seen.node_id == right.node_id


def test_an_expired_peer_is_refused_after_the_handshake(
    make_node: Callable[..., Identity], now: dt.datetime
) -> None:
    accepted, _ = handshake(server_context(make_node("left")), client_context(make_node("right")))
    later = (now + dt.timedelta(days=36)).timestamp()
    with pytest.raises(IdentityError, match="ended at"):
        verify_peer(accepted, mesh="mesh.test", now=later)


def test_a_box_that_woke_in_1970_accepts_its_peers(
    make_node: Callable[..., Identity], now: dt.datetime, tmp_path: Path
) -> None:
    accepted, _ = handshake(server_context(make_node("left")), client_context(make_node("right")))
    folder = IdentityFolder(tmp_path / "left")
    folder.learn_time(now.timestamp(), wall_s=60.0)
    verify_peer(accepted, mesh="mesh.test", now=folder.now(60.0))


def test_a_box_ten_years_ahead_accepts_its_peers_and_still_sees_them_expire(
    make_node: Callable[..., Identity], now: dt.datetime, tmp_path: Path
) -> None:
    accepted, _ = handshake(server_context(make_node("left")), client_context(make_node("right")))
    folder = IdentityFolder(tmp_path / "left")
    ahead = now.timestamp() + 10 * 365 * 86400
    folder.learn_time(now.timestamp(), wall_s=ahead)
    verify_peer(accepted, mesh="mesh.test", now=folder.now(ahead + 86400))
    with pytest.raises(IdentityError, match="ended at"):
        verify_peer(accepted, mesh="mesh.test", now=folder.now(ahead + 36 * 86400))


def test_a_peer_of_another_mesh_is_refused(
    make_node: Callable[..., Identity], now: dt.datetime
) -> None:
    stranger = make_node("stranger", Authority.create("other.test", now=now))
    ours = make_node("ours")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(stranger), client_context(ours))
    accepted, _ = handshake(server_context(ours), client_context(make_node("friend")))
    with pytest.raises(IdentityError, match="belongs to mesh"):
        verify_peer(accepted, mesh="other.test", now=now.timestamp())


def sign_beneath(
    issuer: IdentityFolder, uri: str, folder: Path, key: ec.EllipticCurvePrivateKey, chain: bytes
) -> Identity:
    """A certificate that ``issuer`` signs although it may not."""
    now = issuer.certificate.not_valid_before_utc
    subject = issuer.certificate.subject
    builder = new_certificate(
        common_name("intruder"), subject, key.public_key(), now, dt.timedelta(days=9)
    )
    builder = leaf_extensions(
        builder,
        [x509.UniformResourceIdentifier(uri)],
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
        issuer.private_key.public_key(),
    )
    leaf = builder.sign(issuer.private_key, hashes.SHA256()).public_bytes(Encoding.PEM)
    pem = folder / "intruder.pem"
    pem.write_bytes(private_key_pem(key) + leaf + chain)
    own = issuer.identity
    return Identity(own.node_id, own.tenant, own.mesh, own.not_after, pem, own.root_pem)


def test_a_leaf_cannot_be_used_as_an_authority(
    make_node: Callable[..., Identity], tmp_path: Path
) -> None:
    ours = make_node("ours")
    make_node("issuer")
    folder = IdentityFolder(tmp_path / "issuer")
    uri = f"spiffe://acme.mesh.test/node/{ours.node_id}"
    key = ec.generate_private_key(ec.SECP256R1())
    intruder = sign_beneath(folder, uri, tmp_path, key, folder.chain.pem)
    with pytest.raises(ssl.SSLCertVerificationError, match="CA"):
        handshake(server_context(intruder), client_context(ours))


def test_the_authority_of_a_tenant_cannot_name_anothers_node_or_a_host(
    authority: Authority, make_node: Callable[..., Identity], tmp_path: Path, now: dt.datetime
) -> None:
    save_authority(authority, tmp_path / "ca")
    key = ec.generate_private_key(ec.SECP256R1())
    signer = authority.issuing
    for name in (
        x509.UniformResourceIdentifier("spiffe://evil.mesh.test/node/" + "0" * 32),
        x509.DNSName("hub.local"),
    ):
        builder = new_certificate(
            common_name("x"), signer.certificate.subject, key.public_key(), now, dt.timedelta(9)
        )
        usages = [ExtendedKeyUsageOID.SERVER_AUTH]
        builder = leaf_extensions(builder, [name], usages, signer.public_key)
        leaf = builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        pem = tmp_path / "evil.pem"
        chain = signer.certificate.public_bytes(Encoding.PEM)
        pem.write_bytes(private_key_pem(key) + leaf + chain)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(pem)
        with pytest.raises(ssl.SSLCertVerificationError, match="subtree"):
            handshake(server, client_context(make_node("ours")))


def test_a_client_without_a_certificate_is_refused(make_node: Callable[..., Identity]) -> None:
    left = make_node("left")
    anonymous = enrolment_context(left.root_pem)
    anonymous.check_hostname = False
    with pytest.raises(ssl.SSLError, match="did not return a certificate"):
        handshake(server_context(left), anonymous)


def test_a_node_cannot_pose_as_the_hub(make_node: Callable[..., Identity]) -> None:
    node = make_node("node")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(node.pem_path)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname"):
        handshake(server, enrolment_context(node.root_pem), host=node.node_id)


def test_a_renewed_certificate_serves_the_next_handshake(
    make_node: Callable[..., Identity], authority: Authority, now: dt.datetime, tmp_path: Path
) -> None:
    left, right = make_node("left"), make_node("right")
    server, client = server_context(left), client_context(right)
    folder = IdentityFolder(tmp_path / "left")
    week = dt.timedelta(days=7)
    reload(server, folder.install(authority.issue(folder.csr_pem(), now=now + week)))
    _, dialled = handshake(server, client)
    seen = verify_peer(dialled, mesh="mesh.test", now=now.timestamp())
    assert seen.not_after == left.not_after + week.total_seconds()


def test_a_broken_renewal_leaves_the_context_working(
    make_node: Callable[..., Identity],
) -> None:
    left, right = make_node("left"), make_node("right")
    server = server_context(left)
    good, bad = left.pem_path.read_bytes(), right.pem_path.read_bytes()
    cut = good.index(b"-----BEGIN CERT")
    left.pem_path.write_bytes(good[:cut] + bad[bad.index(b"-----BEGIN CERT") :])
    with pytest.raises(IdentityError, match="OpenSSL refuses"):
        reload(server, left)
    handshake(server, client_context(right))


def test_a_pin_picks_the_root_and_nothing_else(authority: Authority, now: dt.datetime) -> None:
    roots = [authority, Authority.create("other", now=now)]
    presented = [ssl.PEM_cert_to_DER_cert(root.root_pem.decode()) for root in roots]
    assert pinned_root(presented, roots[1].root_pin).split() == roots[1].root_pem.split()
    with pytest.raises(EnrolmentError, match="pin"):
        pinned_root(presented, "0" * 32)
