from __future__ import annotations

import datetime as dt
import socket
import sqlite3
import stat
import tarfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.identity.authority_folder import load_authority, save_authority
from cantor.identity.store import IdentityFolder
from edge_hub.backup import backup, restore
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.edge_hub.conftest import HandClock, RunHub

    from cantor.identity.authority import Authority


async def test_after_a_restore_used_tokens_are_used_and_denied_nodes_denied(
    tmp_path: Path, authority: Authority, clock: HandClock, run_hub: RunHub
) -> None:
    save_authority(authority, tmp_path / "old" / "authority")
    async with run_hub(tmp_path / "old", authority, clock) as world:
        await world.sign_in()
        _, used = await world.token()
        good, bad = world.box("good"), world.box("bad")
        assert (await world.enrol(good, used))[0] == 200
        _, other = await world.token()
        assert (await world.enrol(bad, other))[0] == 200
        await world.call("DELETE", f"/nodes/{bad.node_id}")
        backup(world.hub.settings, tmp_path / "hub.tar")

    restore(HubSettings(tmp_path / "new"), tmp_path / "hub.tar")
    loaded = load_authority(tmp_path / "new" / "authority")

    assert stat.S_IMODE((tmp_path / "hub.tar").stat().st_mode) == 0o600
    assert loaded.root_pin == authority.root_pin
    async with run_hub(tmp_path / "new", loaded, clock) as world:
        assert (await world.enrol(good, used))[0] == 200
        assert (await world.enrol(bad, other))[0] == 403
        assert world.mesh.denied == {bad.node_id}
        assert (await world.enrol(world.box(), used))[0] == 409


async def test_a_backup_signs_nobody_in(
    tmp_path: Path, authority: Authority, clock: HandClock, run_hub: RunHub
) -> None:
    save_authority(authority, tmp_path / "old" / "authority")
    async with run_hub(tmp_path / "old", authority, clock) as world:
        await world.sign_in()
        (cookie,) = list(world.browser.cookie_jar)
        backup(world.hub.settings, tmp_path / "hub.tar")
    restore(HubSettings(tmp_path / "new"), tmp_path / "hub.tar")

    async with run_hub(tmp_path / "new", authority, clock) as world:
        stolen = {"Cookie": f"{cookie.key}={cookie.value}"}
        assert (await world.call("GET", "/session", **stolen))[0] == 401


def test_a_file_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no tar")
    with pytest.raises(ConfigError, match="is no backup"):
        restore(HubSettings(tmp_path / "new"), tmp_path / "x")
    assert not (tmp_path / "new").exists()


def test_a_file_that_cannot_be_read_or_written_is_named(
    tmp_path: Path, authority: Authority
) -> None:
    with pytest.raises(ConfigError, match="nothing: cannot be read: No such file"):
        restore(HubSettings(tmp_path / "new"), tmp_path / "nothing")
    old = HubSettings(tmp_path / "old")
    save_authority(authority, old.authority_folder)
    with closing(sqlite3.connect(old.database_path)) as database:
        database.executescript("CREATE TABLE sessions (x); CREATE TABLE tickets (x);")
    with pytest.raises(ConfigError, match="x/y: cannot be written: No such file"):
        backup(old, tmp_path / "x" / "y")


def test_a_backup_cannot_write_outside_the_folder(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x", "w") as tar:
        tar.add(__file__, arcname="authority/../../escaped")
    with pytest.raises(ConfigError, match="is no backup"):
        restore(HubSettings(tmp_path / "new"), tmp_path / "x")


def test_a_restore_never_overwrites_a_hub(tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    with pytest.raises(ConfigError, match="holds a hub already"):
        restore(HubSettings(tmp_path), tmp_path / "x")


def test_a_restored_hub_is_the_same_node(tmp_path: Path, authority: Authority) -> None:
    old, new = HubSettings(tmp_path / "old"), HubSettings(tmp_path / "new")
    save_authority(authority, old.authority_folder)
    with closing(sqlite3.connect(old.database_path)) as database:
        database.executescript("CREATE TABLE sessions (x); CREATE TABLE tickets (x);")
    before = IdentityFolder(old.node_folder)
    before.install(authority.issue(before.csr_pem(), now=dt.datetime.now(dt.UTC)))
    (old.node_folder / "epoch").write_text("7")
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(old.node_folder / "control"))
        backup(old, tmp_path / "hub.tar")

    restore(new, tmp_path / "hub.tar")

    assert IdentityFolder(new.node_folder).identity.node_id == before.node_id
    assert (new.node_folder / "epoch").read_text() == "7"
    assert not (new.node_folder / "control").exists()
    assert stat.S_IMODE((new.node_folder / "key.pem").stat().st_mode) == 0o600
