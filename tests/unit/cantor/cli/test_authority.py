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


@pytest.mark.parametrize(
    ("options", "asked", "days"), [((), {}, 35), (("--stale-days", "7"), {"stale_days": 7}, 7)]
)
def test_the_policy_is_asked_for_or_set_at_the_agent_of_the_folder(
    options: tuple[str, ...],
    asked: dict[str, Value],
    days: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[object] = []

    async def answer(folder: Path, call: str, args: dict[str, Value]) -> Value:
        calls.append((folder, call, args))
        return {"stale_days": days}

    monkeypatch.setattr(authority, "ask", answer)
    words = ["mesh", "policy", *options, "--data", str(tmp_path)]
    assert main(words) == 0
    assert f"works on for {days} days" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"stale_days": days}
    assert calls == [(tmp_path, "mesh.policy", asked)] * 2


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
