from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING

import msgpack
import pytest

from cantor.base.errors import ConfigError, EnrolmentError, IdentityError
from cantor.identity.authority import BRIDGE, RETIRE, Authority
from cantor.identity.authority_folder import (
    export_root,
    import_root,
    load_authority,
    save_authority,
)
from cantor.identity.certificates import CertificateChain
from cantor.identity.contexts import (
    client_context,
    enrolment_context,
    pinned_root,
    reload,
    server_context,
    verify_peer,
)
from cantor.identity.denials import DENIED, DenyList
from cantor.identity.reply import check_reply, sign_reply
from cantor.identity.rollover import go_over, read_succession
from cantor.identity.statements import StatementReader
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.identity.store import Identity

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def mesh() -> Authority:
    return Authority.create("plant", now=NOW)


def node(authority: Authority, folder: Path, now: dt.datetime = NOW) -> Identity:
    box = IdentityFolder(folder)
    return box.install(authority.issue(box.csr_pem(), now=now))


def session(
    server: ssl.SSLContext, client: ssl.SSLContext, host: str | None = None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A TLS session in memory, or what OpenSSL says against it."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(back, there, server_hostname=host),
        server.wrap_bio(there, back, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends


def link(server: Identity, client: Identity, now: dt.datetime = LATER) -> None:
    """Both sides accept each other."""
    ends = session(server_context(server), client_context(client))
    for end, me in zip(ends, (client, server), strict=True):
        verify_peer(end, mesh="plant", now=now.timestamp(), root_pem=me.root_pem)


def test_everybody_trusts_everybody_while_the_mesh_goes_over(
    mesh: Authority, tmp_path: Path
) -> None:
    old = node(mesh, tmp_path / "old")
    follower = node(mesh, tmp_path / "follower")
    word = go_over(mesh, LATER)
    folder = IdentityFolder(tmp_path / "follower")
    assert folder.follow(word.packed, LATER.timestamp())
    assert not folder.follow(word.packed, LATER.timestamp())
    renewed = node(mesh, tmp_path / "renewed", LATER)
    nodes = [old, follower, renewed, folder.identity]
    for server in nodes:
        for client in nodes:
            link(server, client)


def test_a_live_context_takes_a_new_root_and_a_new_leaf(mesh: Authority, tmp_path: Path) -> None:
    box = IdentityFolder(tmp_path / "box")
    server = server_context(node(mesh, tmp_path / "box"))
    word = go_over(mesh, LATER)
    box.follow(word.packed, LATER.timestamp())
    reload(server, box.identity)
    box.install(mesh.issue(box.csr_pem(), now=LATER))
    reload(server, box.identity)
    after = LATER + BRIDGE + DAY
    late = node(mesh, tmp_path / "late", after)
    ends = session(server, client_context(late))
    verify_peer(ends[1], mesh="plant", now=after.timestamp(), root_pem=box.root_pem)


def test_the_former_root_is_given_up_when_no_leaf_of_it_is_left(
    mesh: Authority, tmp_path: Path
) -> None:
    old = node(mesh, tmp_path / "old")
    box = IdentityFolder(tmp_path / "box")
    node(mesh, tmp_path / "box")
    word = go_over(mesh, LATER)
    box.follow(word.packed, LATER.timestamp())
    box.install(mesh.issue(box.csr_pem(), now=LATER + DAY))
    assert not box.retire((LATER + BRIDGE - DAY).timestamp())

    assert box.retire((LATER + BRIDGE + DAY).timestamp())
    assert len(box.identity.root_pem.split(b"BEGIN CERT")) == 3
    assert box.retire((LATER + RETIRE + DAY).timestamp())
    assert not box.retire((LATER + RETIRE + DAY).timestamp())

    after = LATER + RETIRE + DAY
    box.install(mesh.issue(box.csr_pem(), now=after))
    link(box.identity, node(mesh, tmp_path / "new", after), after)
    ends = session(server_context(old), client_context(old))
    with pytest.raises(IdentityError, match="trusted no more"):
        verify_peer(ends[0], mesh="plant", now=0.0, root_pem=box.identity.root_pem)


def test_tokens_pin_either_root(mesh: Authority, tmp_path: Path) -> None:
    before = mesh.root_pin
    go_over(mesh, LATER)
    pem = tmp_path / "server.pem"
    pem.write_bytes(mesh.issue_server(["127.0.0.1"], now=LATER))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    presented = [
        ssl.PEM_cert_to_DER_cert(part + "-----END CERTIFICATE-----\n")
        for part in pem.read_text().split("-----END CERTIFICATE-----\n")[:-1]
        for part in [part[part.find("-----BEGIN CERTIFICATE") :]]
    ]
    chain = mesh.issue(IdentityFolder(tmp_path / "box").csr_pem(), now=LATER)
    body = sign_reply(mesh, chain, nonce="n", time_s=LATER.timestamp(), name="box", seeds=[])
    for pin in (before, mesh.root_pin):
        root = pinned_root(presented, pin)
        session(server, enrolment_context(root), "127.0.0.1")
        reply = check_reply(body, nonce="n", root_pin=pin)
        assert set(reply.chain.root_pins) == {before, mesh.root_pin}
        assert reply.chain.check().mesh == "plant"
    with pytest.raises(EnrolmentError):
        check_reply({**body, "succession": ""}, nonce="n", root_pin=before)


def test_statements_from_before_and_after_hold_for_who_knows_one_root(mesh: Authority) -> None:
    old_root = mesh.root_pem
    before = DenyList().whole(mesh, NOW.timestamp())
    go_over(mesh, LATER)
    after = DenyList().whole(mesh, LATER.timestamp())
    for root_pem in (old_root, mesh.root_pem):
        for statement in (before, after):
            StatementReader("plant", root_pem).read(statement.packed, DENIED)


def test_a_succession_needs_both_signatures_and_a_root_that_is_trusted(mesh: Authority) -> None:
    old_root = mesh.root_pem
    word = go_over(mesh, LATER)
    other = Authority.create("plant", now=NOW)
    theirs = go_over(other, LATER)
    signed, forged = msgpack.unpackb(word.packed), msgpack.unpackb(theirs.packed)
    swapped = {**signed, "signatures": [signed["signatures"][0], forged["signatures"][1]]}
    for packed in (
        theirs.packed,
        msgpack.packb(swapped),
        msgpack.packb({**signed, "signatures": signed["signatures"][:1]}),
        b"",
        b"\xc1",
        None,
    ):
        with pytest.raises(IdentityError):
            read_succession(packed, old_root)
    assert read_succession(word.packed, old_root).new == mesh.root.certificate


def test_an_authority_that_goes_over_survives_the_disk_and_waits_with_the_next(
    mesh: Authority, tmp_path: Path
) -> None:
    go_over(mesh, LATER)
    save_authority(mesh, tmp_path / "authority")
    loaded = load_authority(tmp_path / "authority")
    assert loaded.root_pem == mesh.root_pem
    assert loaded.issue(IdentityFolder(tmp_path / "box").csr_pem(), now=LATER).check()
    with pytest.raises(ConfigError, match="still goes over"):
        go_over(loaded, LATER + DAY)
    go_over(loaded, LATER + RETIRE + DAY)
    assert "root 3" in loaded.root.certificate.subject.rfc4514_string()


def test_a_chain_with_a_bridge_of_another_mesh_is_refused(mesh: Authority, tmp_path: Path) -> None:
    chain = mesh.issue(IdentityFolder(tmp_path).csr_pem(), now=NOW)
    other = Authority.create("plant", now=NOW)
    mixed = chain.pem + other.issuing_pem_at(0.0)
    with pytest.raises(IdentityError):
        CertificateChain(mixed, mesh.root_pem).check()


def test_the_root_key_leaves_sealed_and_comes_back(mesh: Authority, tmp_path: Path) -> None:
    folder, file = tmp_path / "authority", tmp_path / "root.sealed"
    save_authority(mesh, folder)
    with pytest.raises(ConfigError, match="12 characters"):
        export_root(folder, file, "short")
    export_root(folder, file, "correct horse battery")
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in file.read_bytes()

    offline = load_authority(folder)
    offline.issue(IdentityFolder(tmp_path / "box").csr_pem(), now=NOW).check()
    for act in (lambda: go_over(offline, NOW), lambda: offline.issue_server(["h"], now=NOW)):
        with pytest.raises(IdentityError, match="not on this machine"):
            act()
    save_authority(offline, folder)
    with pytest.raises(IdentityError, match="passphrase"):
        import_root(folder, file, "another passphrase")
    import_root(folder, file, "correct horse battery")
    load_authority(folder).issue_server(["h"], now=NOW)
