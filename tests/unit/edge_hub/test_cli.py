from __future__ import annotations

import argparse
import datetime as dt
import getpass
import json
from pathlib import Path

import pytest

from cantor.base.errors import CantorError, ConfigError
from cantor.cli import tokens
from cantor.identity.authority import Authority
from cantor.identity.authority_folder import save_authority
from cantor.identity.tokens import EnrolmentToken
from edge_hub.cli import register


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers()
    register(verbs)
    tokens.register(verbs)
    options = parser.parse_args(arguments)
    return int(options.run(options))


@pytest.fixture
def data(tmp_path: Path) -> str:
    authority = Authority.create("plant.example", now=dt.datetime.now(dt.UTC))
    save_authority(authority, tmp_path / "hub" / "authority")
    (tmp_path / "hub" / "enrol").write_text("10.0.0.1:8443")
    return str(tmp_path / "hub")


def test_a_token_says_where_the_hub_enrols_once_it_has_run(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("token", "create", "--data", data) == 0
    assert EnrolmentToken.parse(capsys.readouterr().out.strip()).hub == "10.0.0.1:8443"

    (Path(data) / "enrol").unlink()

    with pytest.raises(ConfigError, match="has not run yet"):
        _run("token", "create", "--data", data)


def test_a_token_is_made_listed_and_revoked(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    made_with = (
        "--data",
        data,
        "--json",
        "--public-enrol",
        "hub.example:8443",
        "--label",
        "site=north",
    )
    assert _run("token", "create", *made_with) == 0
    made = json.loads(capsys.readouterr().out)
    assert EnrolmentToken.parse(made["token"]).hub == "hub.example:8443"

    assert _run("token", "revoke", made["id"], "--data", data) == 0
    capsys.readouterr()
    assert _run("token", "list", "--data", data, "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["state"], listed["labels"]) == ("revoked", {"site": "north"})
    assert listed["created_by"] == f"local:{getpass.getuser()}"
    assert _run("token", "list", "--data", data) == 0
    assert "revoked" in capsys.readouterr().out


def test_what_cannot_be_done_is_explained(data: str, tmp_path: Path) -> None:
    with pytest.raises(CantorError, match="there is no token"):
        _run("token", "revoke", "x", "--data", data)
    with pytest.raises(ConfigError, match="holds no hub"):
        _run("token", "list", "--data", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="not a label"):
        _run("token", "create", "--data", data, "--label", "x")
    with pytest.raises(ConfigError, match=r"--ttl: expected 60 to"):
        _run("token", "create", "--data", data, "--ttl", "1")


def test_a_hub_is_saved_and_restored(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("token", "create", "--data", data) == 0
    assert _run("hub", "--data", data, "backup", str(tmp_path / "b.tar")) == 0
    assert _run("hub", "restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / "new")) == 0
    capsys.readouterr()
    assert _run("token", "list", "--data", str(tmp_path / "new"), "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_a_sign_in_link_can_be_had_again(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("hub", "--data", data, "--console", "127.0.0.1:9", "link") == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:9/sign-in#ticket=")

    (Path(data) / "console").write_text("https://hub.example:4711")  # as a running hub does
    assert _run("hub", "--data", data, "link", "--json") == 0
    link = json.loads(capsys.readouterr().out)["sign_in"]
    assert link.startswith("https://hub.example:4711/sign-in#ticket=")


def test_what_saves_and_restores_says_where_as_json(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("token", "create", "--data", data) == 0
    capsys.readouterr()
    file, new = str(tmp_path / "b.tar"), str(tmp_path / "new")
    assert _run("hub", "--json", "backup", file, "--data", data) == 0
    assert json.loads(capsys.readouterr().out) == {"file": file}
    assert _run("hub", "restore", file, "--data", new, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"data": new}


def test_options_of_the_console_that_cannot_be_are_refused(data: str) -> None:
    with pytest.raises(ConfigError, match="is the key of no certificate"):
        _run("hub", "--data", data, "--key", "x.pem")
    with pytest.raises(ConfigError, match="--console-url"):
        _run("hub", "--data", data, "--console-url", "hub.example")
