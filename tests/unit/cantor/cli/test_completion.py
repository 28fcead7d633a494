from __future__ import annotations

import shutil
import subprocess

import pytest

from cantor.cli.completion import script
from cantor.cli.main import build_parser, main

BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["doc"], ["doctor"]),
        (["doctor", "--bu"], ["--bundle"]),
        (["doctor", "--json", "--li"], ["--listen"]),
        (["completion", "--he"], ["--help"]),
        (["unheard-of"], []),
    ],
)
def test_bash_completes_verbs_and_options(words: list[str], expected: list[str]) -> None:
    ask = f"""{script("bash", build_parser())}
COMP_WORDS=(cantor {" ".join(words)}); COMP_CWORD={len(words)}; _cantor
printf '%s\\n' "${{COMPREPLY[@]}}\""""
    done = subprocess.run(
        [str(BASH), "--norc", "-c", ask], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.split() == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_every_verb(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "doctor" in printed
    assert "bundle" in printed
