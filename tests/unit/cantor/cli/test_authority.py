from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING

import pytest

from cantor.cli import authority
from cantor.cli.authority import PASSPHRASE_VARIABLE
from cantor.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value


NODES: list[Value] = [
    {"node": "1" * 32, "name": "dock", "has_it": True},
    {"node": "2" * 32, "name": "gate", "has_it": False},
]
DECIDED: dict[str, Value] = {
    "revision": 2, "at": "2026-11-26T15:00:00+00:00", "by": "owner", "issuer": "3" * 32,
    "nodes": NODES,
}  # fmt: skip
UNDECIDED: dict[str, Value] = {"revision": 0, "at": None, "by": "", "issuer": "", "nodes": NODES}


@pytest.mark.parametrize(
    ("options", "asked", "answer", "sentence"),
    [
        (
            (),
            {},
            {"stale_days": 35, **UNDECIDED},
            "A node that no issuer confirms works on for 35 days.\n",
        ),
        (
            ("--stale-days", "7"),
            {"stale_days": 7, "by": "local:ada"},
            {"stale_days": 7, **DECIDED},
            "A node that no issuer confirms works on for 7 days.\n"
            "Revision 2, by owner, 2026-11-26T15:00:00+00:00, signed by node 33333333.\n"
            "1 of 2 nodes that are there have it; not yet: gate.\n",
        ),
    ],
)
def test_the_policy_is_asked_for_or_set_at_the_agent_of_the_folder(
    options: tuple[str, ...],
    asked: dict[str, Value],
    answer: dict[str, Value],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[object] = []

    async def answered(folder: Path, call: str, args: dict[str, Value]) -> Value:
        calls.append((folder, call, args))
        return answer

    monkeypatch.setattr(authority, "ask", answered)
    monkeypatch.setattr(authority, "local_account", lambda: "local:ada")
    words = ["mesh", "policy", *options, "--data", str(tmp_path)]
    assert main(words) == 0
    assert capsys.readouterr().out == sentence
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == answer
    assert calls == [(tmp_path, "mesh.policy", asked)] * 2


def test_an_agent_of_before_tells_the_number_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answered(_folder: Path, _call: str, _args: dict[str, Value]) -> Value:
        return {"stale_days": 9}

    monkeypatch.setattr(authority, "ask", answered)
    assert main(["mesh", "policy", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "A node that no issuer confirms works on for 9 days.\n"


def _nobody(_: str) -> str:
    raise EOFError


@pytest.mark.parametrize("verb", ["export-root", "import-root"])
def test_a_script_without_a_passphrase_is_told_where_to_put_it(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.setattr(getpass, "getpass", _nobody)

    code = main(["mesh", verb, str(tmp_path / "root"), "--data", str(tmp_path)])

    assert code == 2
    assert f"${PASSPHRASE_VARIABLE}" in capsys.readouterr().err
