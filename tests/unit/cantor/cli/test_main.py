from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from cantor.base import program
from cantor.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    def make(name: str, target: str) -> None:
        points = [EntryPoint(name, target, "cantor.commands")]
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


def test_a_part_that_is_there_and_broken_fails_loudly(
    install: Callable[[str, str], None],
) -> None:
    install("looms", "cantor.no_such_module:register")

    with pytest.raises(ModuleNotFoundError, match=r"cantor\.no_such_module"):
        main(["--help"])
