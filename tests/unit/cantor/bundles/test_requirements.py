"""Requirements become wheels for a node: from a folder, or from an index by pip."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.bundles.made_wheels import make_wheel

from cantor.base.errors import BundleError, UnavailableError, WrongPlatform
from cantor.bundles.requirements import from_folder, from_index, is_met_here, parse
from cantor.bundles.wheels import Target

if TYPE_CHECKING:
    from pathlib import Path

BOX = Target("3.11", ("manylinux_2_28_aarch64", "linux_aarch64"))


def names(wheels: list[Path]) -> list[str]:
    return sorted(wheel.name.partition("-py3")[0].partition("-cp3")[0] for wheel in wheels)


def test_lines_of_a_file_are_read_and_comments_are_not() -> None:
    lines = ["# what we need", "numpy>=2.0  # arrays", "", "tool[fast]==1; python_version>'3'"]
    found = parse(lines)

    assert [requirement.name for requirement in found] == ["numpy", "tool"]


@pytest.mark.parametrize("line", ["numpy=>2", "-r other.txt", "a b", "../x.whl"])
def test_a_line_that_is_no_requirement_is_named(line: str) -> None:
    with pytest.raises(BundleError, match="not a requirement"):
        parse([line])


def test_the_newest_wheel_that_fits_is_taken_with_what_it_needs(tmp_path: Path) -> None:
    make_wheel(tmp_path, "tool-1.0-py3-none-any", needs=["part>=2", "win; sys_platform == 'win32'"])
    make_wheel(tmp_path, "tool-1.2-py3-none-any", needs=["part>=2", "more; extra == 'fast'"])
    make_wheel(tmp_path, "tool-2.0-cp312-cp312-manylinux_2_28_aarch64")
    make_wheel(tmp_path, "part-1.0-py3-none-any")
    make_wheel(tmp_path, "part-2.0-cp311-cp311-manylinux_2_28_aarch64", needs=["Tool"])
    make_wheel(tmp_path, "more-1-py3-none-any")

    assert names(from_folder(parse(["tool"]), tmp_path, BOX)) == ["part-2.0", "tool-1.2"]
    assert names(from_folder(parse(["tool[fast]"]), tmp_path, BOX)) == [
        "more-1",
        "part-2.0",
        "tool-1.2",
    ]


def test_a_folder_with_the_wheel_of_another_platform_says_so(tmp_path: Path) -> None:
    make_wheel(tmp_path, "tool-1-cp311-cp311-manylinux_2_28_x86_64")

    with pytest.raises(WrongPlatform, match=r"tool is here as tool-1-.*x86_64\.whl only"):
        from_folder(parse(["tool"]), tmp_path, BOX)


def test_a_folder_without_the_wheel_says_what_it_has(tmp_path: Path) -> None:
    make_wheel(tmp_path, "tool-1-py3-none-any")

    with pytest.raises(BundleError, match=r"no wheel of tool>=2; it has tool-1-py3-none-any\.whl"):
        from_folder(parse(["tool>=2"]), tmp_path, BOX)
    with pytest.raises(BundleError, match="no wheel of other"):
        from_folder(parse(["other"]), tmp_path, BOX)


def test_requirements_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    make_wheel(tmp_path, "a-1-py3-none-any", needs=["part==1"])
    make_wheel(tmp_path, "part-1-py3-none-any")
    make_wheel(tmp_path, "part-2-py3-none-any")

    with pytest.raises(BundleError, match=r"part-2-py3-none-any\.whl was taken, and part==1"):
        from_folder(parse(["part", "a"]), tmp_path, BOX)


def test_a_wheel_without_metadata_is_named(tmp_path: Path) -> None:
    (tmp_path / "tool-1-py3-none-any.whl").write_bytes(b"no archive")

    with pytest.raises(BundleError, match=r"tool-1-py3-none-any\.whl: its metadata cannot be read"):
        from_folder(parse(["tool"]), tmp_path, BOX)


def test_what_this_python_has_is_known() -> None:
    assert [is_met_here(one) for one in parse(["msgpack>=1", "msgpack>=99", "no-such-thing"])] == [
        True,
        False,
        False,
    ]


def pip(folder: Path, script: str) -> list[str]:
    path = folder / "pip"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return [str(path)]


def test_pip_is_asked_for_wheels_of_the_node(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = pip(tmp_path, f'echo "$@" > {tmp_path}/asked; touch {out}/tool-1-py3-none-any.whl')

    found = from_index(
        parse(["tool==1"]), out, BOX, pip=command, options=["--index-url", "https://x"]
    )

    asked = (tmp_path / "asked").read_text()
    assert [path.name for path in found] == ["tool-1-py3-none-any.whl"]
    assert "--python-version 3.11 --implementation cp --platform manylinux_2_28_aarch64" in asked
    assert asked.endswith("--index-url https://x -- tool==1\n")


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
