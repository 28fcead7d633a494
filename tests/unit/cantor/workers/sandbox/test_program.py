"""What a launcher is told of a program that is to be closed in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cantor.workers.sandbox.levels import Limits, Sandbox
from cantor.workers.sandbox.program import Program, environment_of, outside

if TYPE_CHECKING:
    import pytest


def test_what_is_told_is_read_back() -> None:
    sandbox = Sandbox(
        "full",
        readable=(Path("/code"),),
        writable=(Path("/data"),),
        devices=(Path("/dev/video0"),),
        has_loopback=True,
        limits=Limits(data_bytes=1 << 20),
    )
    program = Program(sandbox, "/code", 3, 4, ("python", "check.py"))

    assert Program.decode(program.encode()) == program


def test_outside_of_the_sandbox_no_variable_of_the_program_has_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGENT_SECRET", "x")
    told = {"LD_PRELOAD": "/code/evil.so", "PYTHONPATH": "/code", "PATH": "/code"}

    made = outside(Sandbox("full"), told)

    assert not {"LD_PRELOAD", "AGENT_SECRET"} & set(made)
    assert made["PYTHONSAFEPATH"] == "1"
    assert "/code" not in (made.get("PYTHONPATH", ""), made["PATH"])
    assert sorted(one for one in made.values() if one.startswith("/code")) == [
        "/code", "/code", "/code/evil.so",
    ]  # fmt: skip


def test_a_program_imports_what_lies_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/agent")

    made = environment_of(Sandbox("full"))

    assert [name for name in made if name.startswith("PYTHON")] == []
