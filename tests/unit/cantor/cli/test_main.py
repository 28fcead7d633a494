from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cantor.base import program
from cantor.base.program import Part
from cantor.cli.main import OWN_VERBS, build_parser, main
from cantor.identity.tokens import EnrolmentToken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


NOT_FOR_AGENTS = {
    "cantor.node.lifecycle.issuer", "decimal", "fractions", "http", "packaging.utils", "sqlite3",
    "statistics", "unicodedata", "uuid", "yaml", "zoneinfo",
}  # fmt: skip


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    def make(name: str, target: str) -> None:
        points = [Part(name, target)]
        monkeypatch.setattr(program, "entry_points", lambda *, group: points)

    return make


def test_help_is_silent_about_what_is_not_in_this_build(
    install: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("looms", "no_such_package.cli:register")

    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert "looms" not in capsys.readouterr().out


def test_a_verb_that_is_not_in_this_build_says_so(
    install: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("looms", "no_such_package.cli:register")

    assert main(["looms", "weave"]) == 2
    assert "'looms' is not in this build" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["worker 1 0", "worker 1 9999", "pipeline worker 0", "pipeline worker 9999 1 2"]
)
def test_a_verb_of_agents_that_is_typed_is_one_line(words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cantor.cli.main", *words.split()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "not by hand" in line


@pytest.mark.parametrize("words", [["--help"], ["pipeline", "--help"]])
def test_help_tells_of_no_verb_of_agents(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)

    assert "worker" not in capsys.readouterr().out.replace("workers", "")


def test_a_folder_that_cannot_be_made_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = EnrolmentToken(hub="127.0.0.1:1", root_pin="00" * 16, secret="a" * 39).text

    assert main(["enroll", text, "--data", "/proc/none"]) == 74
    assert capsys.readouterr().err == (
        "cantor: /proc/none: cannot be used: No such file or directory — look whether it is there,"
        " who owns it, and whether the disk has room\n"
    )


def test_a_seed_that_is_no_address_is_refused_before_the_agent_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agent", "--data", str(tmp_path), "--seed", "nowhere"]) == 2
    assert "not an address: 'nowhere'" in capsys.readouterr().err


def test_a_part_that_is_there_and_broken_fails_loudly(
    install: Callable[[str, str], None],
) -> None:
    install("looms", "cantor.no_such_module:register")

    with pytest.raises(ModuleNotFoundError, match=r"cantor\.no_such_module"):
        main(["--help"])


@pytest.mark.parametrize("verb", OWN_VERBS)
def test_a_verb_alone_is_as_among_all(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    told = []
    for parser in (build_parser(), build_parser(verb)):
        with pytest.raises(SystemExit):
            parser.parse_args([verb, "--help"])
        told.append(capsys.readouterr().out)

    assert told[0] == told[1]
    assert told[0].startswith(f"usage: cantor {verb} ")


def test_an_agent_carries_no_code_that_only_other_verbs_use() -> None:
    code = (
        "import sys; from cantor.cli.main import build_parser; build_parser('agent');"
        " import cantor.node.agent, cantor.node.push.service, cantor.node.tasks.service;"
        " import galaxy.deployments.service, firmware_bridge.service; print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert NOT_FOR_AGENTS & set(done.stdout.split()) == set()
