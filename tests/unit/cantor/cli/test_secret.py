"""``cantor secret``: where a value comes from, and that it is not said."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from cantor.cli import secret
from cantor.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

CANARY = b"canary-3a61"
ROW = {
    "name": "mail", "project": "default", "version": 2, "at": 1_800_000_000.0,
    "who": "local:me\x1b[2J", "by": "a" * 32, "by_name": "ash",
    "nodes": [
        {"node": "a" * 32, "name": "ash", "version": 2, "is_alive": True, "is_current": True},
        {"node": "b" * 32, "name": "birch", "version": 1, "is_alive": False, "is_current": False},
    ],
}  # fmt: skip


class Stdin:
    """What somebody pipes in, or a terminal."""

    def __init__(self, data: bytes, *, is_terminal: bool = False) -> None:
        self.buffer = io.BytesIO(data)
        self.isatty = lambda: is_terminal


class Asked:
    """The agent's calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(secret, "ask", self)

    async def __call__(self, _: Path, call: str, args: dict[str, Any], **__: Any) -> Any:  # noqa: ANN401
        self.calls.append((call, args))
        return [ROW] if call == "secret.list" else ROW

    def given(self, data: bytes, *, is_terminal: bool = False) -> None:
        self._monkeypatch.setattr("sys.stdin", Stdin(data, is_terminal=is_terminal))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


@pytest.mark.parametrize(
    ("given", "words", "value"),
    [
        (CANARY, (), CANARY),
        (CANARY + b"\n", (), CANARY),
        (CANARY + b"\r\n", (), CANARY),
        (CANARY + b"\n\n", (), CANARY + b"\n"),
        (CANARY + b"\n", ("--exact",), CANARY + b"\n"),
        (b"x" * 100_000, (), b"x" * 65_538),
    ],
)
def test_the_value_comes_from_standard_input(
    asked: Asked,
    capsys: pytest.CaptureFixture[str],
    given: bytes,
    words: tuple[str, ...],
    value: bytes,
) -> None:
    asked.given(given)

    assert main(["secret", "set", "mail", "--project", "vision", *words]) == 0

    ((call, args),) = asked.calls
    assert (call, args["name"], args["project"]) == ("secret.set", "mail", "vision")
    assert args["value"] == value
    assert args["who"].startswith("local:")
    printed = capsys.readouterr()
    assert printed.out == "Secret mail of project default: version 2\n"
    assert CANARY.decode() not in printed.out + printed.err


def test_it_comes_from_a_file_or_is_asked_for(
    asked: Asked,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "value"
    file.write_bytes(CANARY + b"\n")
    assert main(["secret", "rotate", "mail", "--file", str(file), "--json"]) == 0
    asked.given(b"", is_terminal=True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"{prompt}typed")
    assert main(["secret", "rotate", "mail"]) == 0

    assert [call for call, _ in asked.calls] == ["secret.rotate", "secret.rotate"]
    assert [args["value"] for _, args in asked.calls] == [CANARY, b"Value of mail: typed"]
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == ROW
    assert main(["secret", "rotate", "mail", "--file", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_value_on_the_command_line_is_refused(asked: Asked) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["secret", "set", "mail", "hunter2"])
    assert ended.value.code == 2
    assert asked.calls == []


def test_a_name_that_is_none_is_told_before_anything_is_read(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("set", "rotate", "rm"):
        assert main(["secret", verb, "No Name"]) == 2
        assert "no secret can be called so" in capsys.readouterr().err
    assert asked.calls == []


def test_secrets_are_listed_with_the_nodes_that_keep_them(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secret", "list"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[:3] == ["default", "mail", "2"]
    assert "ash, birch (version 1, offline)" in line
    assert "\x1b" not in line
    assert main(["secret", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [ROW]
    assert asked.calls[0] == ("secret.list", {"project": ""})


def test_who_still_has_one_that_was_removed_is_named(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secret", "rm", "mail"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "Secret mail of project default is removed",
        "These nodes are away, and erase it when they are back: birch",
    ]
    assert asked.calls[0][0] == "secret.remove"
