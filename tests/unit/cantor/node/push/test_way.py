"""Each way to a service's process leads to the launcher, with no more around it than it needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.node.push.inside import Inside
from cantor.node.push.outside import Outside
from cantor.workers import launch
from cantor.workers.sandbox.levels import Sandbox
from cantor.workers.sandbox.program import Program

if TYPE_CHECKING:
    import pytest


def test_without_a_sandbox_the_launcher_is_a_script_that_imports_nothing() -> None:
    start = Outside(Path("/work"), {"A": "1"}, memory_bytes=9).start_of(["web"])

    assert start.command == [
        sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), launch.OPEN, "9", "web",
    ]  # fmt: skip
    assert (start.folder, start.environment, start.descriptors) == (Path("/work"), {"A": "1"}, ())


async def test_with_one_it_is_no_whole_command_line() -> None:
    inside = Inside(Sandbox("full"), Path("/work"), {"A": "1"}, ("check",))
    try:
        start = inside.start_of(["web"])

        words = list(start.command)
        assert words[:5] == [sys.executable, "-P", "-m", launch.__name__, str(os.getpid())]
        assert words[6:] == ["0", "web"]
        program = Program.decode(words[5])
        assert (program.sandbox, program.folder, program.check) == (
            Sandbox("full"), "/work", ("check",),
        )  # fmt: skip
        assert start.descriptors == (program.door, program.checks)
        assert (start.folder, "A" in start.environment) == (Path("/"), False)
    finally:
        inside.started()
        await inside.close()


async def test_a_frozen_program_is_its_own_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    inside = Inside(Sandbox("full"), Path("/work"), {})
    try:
        for way in (inside, Outside(Path("/work"), {})):
            start = way.start_of(["web"])
            assert list(start.command[:3]) == [sys.executable, "launch", str(os.getpid())]
    finally:
        inside.started()
        await inside.close()
