"""What pip is asked, and what is made of its answers; a real one is asked in the integration."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.bundles.made_wheels import make_wheel

from cantor.base.errors import UnavailableError, WrongPlatform
from cantor.bundles.index import from_index
from cantor.bundles.requirements import parse
from cantor.bundles.wheels import Target

if TYPE_CHECKING:
    from pathlib import Path

BOX = Target("3.11", ("manylinux_2_28_aarch64", "linux_aarch64"))


def pip(folder: Path, script: str) -> list[str]:
    path = folder / "pip"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return [str(path)]


def test_pip_is_asked_for_wheels_of_the_node(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = pip(
        tmp_path,
        f'echo "$PIP_INDEX_URL|$PIP_EXTRA_INDEX_URL| $@" > {tmp_path}/asked; '
        f'for last; do :; done; cat "$last" >> {tmp_path}/asked; '
        f"cp {make_wheel(tmp_path, 'tool-1-py3-none-any')} {out}",
    )

    found = from_index(
        parse(["tool==1; python_version < '4'"]), out, BOX, pip=command, index="https://x"
    )

    asked = (tmp_path / "asked").read_text()
    assert [path.name for path in found] == ["tool-1-py3-none-any.whl"]
    assert "--python-version 3.11 --implementation cp --platform manylinux_2_28_aarch64" in asked
    assert asked.startswith("https://x|| download ")
    assert asked.endswith("requirements.txt\ntool==1\n")


def test_an_index_without_a_wheel_for_the_node_says_so(tmp_path: Path) -> None:
    command = pip(
        tmp_path,
        "echo 'ERROR: Could not find a version that satisfies the requirement tool==1' >&2;"
        "echo 'ERROR: No matching distribution found for tool==1' >&2; exit 1",
    )

    with pytest.raises(WrongPlatform, match=r"no wheel of tool==1 for Python 3\.11 on manylinux"):
        from_index(parse(["tool==1"]), tmp_path, BOX, pip=command)


def test_a_pip_that_fails_otherwise_is_quoted(tmp_path: Path) -> None:
    command = pip(tmp_path, "echo 'ERROR: Connection refused' >&2; exit 2")

    with pytest.raises(UnavailableError, match="pip failed: Connection refused"):
        from_index(parse(["tool"]), tmp_path, BOX, pip=command)


def test_a_pip_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="pip cannot be run"):
        from_index(parse(["tool"]), tmp_path, BOX, pip=[str(tmp_path / "none")])
