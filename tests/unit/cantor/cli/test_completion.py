from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from cantor.cli.completion import script
from cantor.cli.main import build_parser, main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    not all(shutil.which(shell) for shell in ("bash", "zsh", "fish")),
    reason="apt-get install bash zsh fish",
)
# zsh completes in a terminal only: what its script offers is caught instead.
ASK_ZSH = """\
compdef() { : }
compadd() { print -rl -- ${${(M)@:#$PREFIX*}:#--} ; (( ${#${(M)@:#$PREFIX*}} )) }
_files() { : }
"""
CASES = [
    (["doc"], ["doctor"]),
    (["doctor", "--bu"], ["--bundle"]),
    (["doctor", "--json", "--li"], ["--listen"]),
    (["hub", "--data", "x", "ba"], ["backup"]),
    (["token", "create", "--approval", ""], ["automatic", "manual"]),
    (["completion", "z"], ["zsh"]),
    (["unheard-of"], []),
]


def completed(shell: str, words: list[str], folder: Path) -> list[str]:
    """What one shell offers for the last word of a command line."""
    file = folder / f"cantor.{shell}"
    file.write_text(script(shell, build_parser()))
    line = " ".join(["cantor", *words])
    quoted = " ".join(f"'{word}'" for word in ["cantor", *words])
    source = f"source '{file}'"
    ask = {
        "bash": f"{source}; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _cantor\n"
        'printf "%s\\n" "${COMPREPLY[@]}"',
        "zsh": f"{ASK_ZSH}{source}\nask() {{ local -a words=({quoted}); "
        f"local CURRENT={len(words) + 1} PREFIX='{words[-1]}'; _cantor }}\nask",
        "fish": f"{source}; complete -C '{line}'",
    }[shell]
    plain = {"bash": "--norc", "zsh": "-f", "fish": "--no-config"}[shell]
    done = subprocess.run(
        [shell, plain, "-c", ask], capture_output=True, text=True, timeout=20, cwd=folder
    )
    assert done.stderr == ""
    return [offered.split("\t")[0] for offered in done.stdout.splitlines() if offered]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(("words", "expected"), CASES)
def test_a_shell_completes_verbs_options_and_their_words(
    shell: str, words: list[str], expected: list[str], tmp_path: Path
) -> None:
    assert completed(shell, words, tmp_path) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_every_verb(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "doctor" in printed
    assert "bundle" in printed
    assert re.search(r"\bworker\b", printed) is None  # for nobody to type
