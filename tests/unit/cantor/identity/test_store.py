from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.identity.authority import Authority
from cantor.identity.store import Identity, IdentityFolder
from cantor.identity.tokens import EnrolmentToken, new_secret

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = EnrolmentToken("hub:1", "0" * 32, new_secret())


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = IdentityFolder(tmp_path / "node")
    assert folder.node_id == IdentityFolder(tmp_path / "node").node_id
    assert (tmp_path / "node" / "key.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "node").stat().st_mode & 0o777 == 0o700


def test_a_node_remembers_who_it_is(make_node: Callable[..., Identity], tmp_path: Path) -> None:
    identity = make_node("node")
    folder = IdentityFolder(tmp_path / "node")
    assert folder.enrolled
    assert folder.identity == identity
    assert folder.certificate.not_valid_after_utc.timestamp() == identity.not_after
    assert identity.pem_path.stat().st_mode & 0o777 == 0o600


def test_a_node_of_no_mesh_says_how_to_join_one(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="enroll"):
        _ = IdentityFolder(tmp_path).identity


def test_the_token_stays_until_the_certificate_is_here(
    tmp_path: Path, authority: Authority, now: dt.datetime
) -> None:
    folder = IdentityFolder(tmp_path / "node")
    assert folder.token is None
    folder.keep_token(TOKEN)
    assert IdentityFolder(tmp_path / "node").token == TOKEN
    assert (tmp_path / "node" / "token").stat().st_mode & 0o777 == 0o600
    folder.install(authority.issue(folder.csr_pem(), now=now))
    assert folder.token is None


def test_a_certificate_for_another_key_is_refused(
    tmp_path: Path, authority: Authority, now: dt.datetime
) -> None:
    other = authority.issue(IdentityFolder(tmp_path / "other").csr_pem(), now=now)
    folder = IdentityFolder(tmp_path / "node")
    with pytest.raises(IdentityError, match="another key"):
        folder.install(other)
    assert not folder.enrolled


def test_a_node_does_not_change_its_mesh(
    make_node: Callable[..., Identity], tmp_path: Path, now: dt.datetime
) -> None:
    identity = make_node("node")
    folder = IdentityFolder(tmp_path / "node")
    with pytest.raises(EnrolmentError, match="already belongs to mesh"):
        folder.install(Authority.create("other", now=now).issue(folder.csr_pem(), now=now))
    assert folder.identity == identity


def test_a_cut_before_the_last_step_leaves_the_old_certificate(
    make_node: Callable[..., Identity],
    authority: Authority,
    tmp_path: Path,
    now: dt.datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    identity = make_node("node")
    folder = IdentityFolder(tmp_path / "node")
    renewed = authority.issue(folder.csr_pem(), now=now + dt.timedelta(days=7))
    cuts = 0

    def power_cut(draft: Path, target: Path) -> Path:
        nonlocal cuts
        cuts += 1
        raise OSError(5, "power cut", str(draft), None, str(target))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", power_cut)
        with pytest.raises(OSError, match="power cut"):
            folder.install(renewed)
    assert cuts == 1
    assert folder.identity == identity
    assert folder.install(renewed).not_after > identity.not_after


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    folder = IdentityFolder(tmp_path)
    _ = folder.private_key
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(IdentityError, match="others may read"):
        _ = folder.node_id


def test_damaged_files_give_errors_that_name_them(
    make_node: Callable[..., Identity], tmp_path: Path
) -> None:
    make_node("node")
    folder = IdentityFolder(tmp_path / "node")
    for name in ("root.pem", "identity.pem", "key.pem"):
        path = tmp_path / "node" / name
        good = path.read_bytes()
        for damaged in (b"", b"\xff\x00" * 40, good[: len(good) // 2]):
            path.write_bytes(damaged)
            with pytest.raises(IdentityError, match="damaged") as refused:
                _ = folder.identity
            assert refused.value.where == str(path)
            assert "enrol" in refused.value.remedy
        path.write_bytes(good)
    _ = folder.identity


def test_a_root_of_another_mesh_is_named_with_the_certificate_that_it_does_not_hold_with(
    make_node: Callable[..., Identity], tmp_path: Path, now: dt.datetime
) -> None:
    make_node("node")
    (tmp_path / "node" / "root.pem").write_bytes(Authority.create("plant", now=now).root_pem)

    with pytest.raises(IdentityError, match=r"identity\.pem: does not hold with root\.pem"):
        _ = IdentityFolder(tmp_path / "node").identity


def test_a_new_certificate_takes_the_place_of_a_damaged_one(
    make_node: Callable[..., Identity], tmp_path: Path, authority: Authority, now: dt.datetime
) -> None:
    before = make_node("node")
    folder = IdentityFolder(tmp_path / "node")
    for name in ("identity.pem", "root.pem"):
        (tmp_path / "node" / name).write_bytes(b"?")

    after = folder.install(authority.issue(folder.csr_pem(), now=now))

    assert (after.node_id, after.mesh) == (before.node_id, before.mesh)


def test_a_damaged_succession_is_named(make_node: Callable[..., Identity], tmp_path: Path) -> None:
    make_node("node")
    path = tmp_path / "node" / "succession"
    path.write_bytes(b"?")

    with pytest.raises(IdentityError, match="is damaged") as refused:
        _ = IdentityFolder(tmp_path / "node").succession
    assert refused.value.where == str(path)


def test_time_learnt_survives_and_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    IdentityFolder(tmp_path).learn_time(1_795_000_000.0, wall_s=5.0)
    folder = IdentityFolder(tmp_path)
    assert folder.now(6.0) == 1_795_000_000.0
    (tmp_path / "clock.json").write_text("[")
    assert folder.now(6.0) == 6.0
