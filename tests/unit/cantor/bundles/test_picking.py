"""Wheels picked for a node out of those of a folder."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.bundles.made_wheels import make_wheel

from cantor.base.errors import BundleError, WrongHash, WrongPlatform
from cantor.bundles.picking import check_hashes, from_folder
from cantor.bundles.requirements import parse
from cantor.bundles.wheels import Target

if TYPE_CHECKING:
    from pathlib import Path

BOX = Target("3.11", ("manylinux_2_28_aarch64", "linux_aarch64"))


def names(wheels: list[Path]) -> list[str]:
    return sorted(wheel.name.partition("-py3")[0].partition("-cp3")[0] for wheel in wheels)


def hash_of(wheel: Path, algorithm: str = "sha256") -> str:
    return f"--hash={algorithm}:{hashlib.new(algorithm, wheel.read_bytes()).hexdigest()}"


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

    with pytest.raises(BundleError, match=r"no wheel of tool>=2; there is tool-1-py3-none-any"):
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


def test_a_wheel_with_one_of_the_hashes_is_taken_though_another_fits_better(tmp_path: Path) -> None:
    plain = make_wheel(tmp_path, "tool-1-py3-none-any")
    make_wheel(tmp_path, "tool-1-cp311-cp311-manylinux_2_28_aarch64", {"other.py": ""})
    wanted = parse([f"tool==1 --hash=sha256:{'0' * 64} {hash_of(plain, 'sha512')}"])

    assert from_folder(wanted, tmp_path, BOX) == [plain]
    check_hashes(wanted, [plain])


def test_a_wheel_with_another_hash_is_refused_and_both_are_told(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tool-1-py3-none-any")
    told = hash_of(wheel).removeprefix("--hash=")
    wanted = parse([f"tool==1 --hash=sha256:{'0' * 64}"])

    for look in (lambda: from_folder(wanted, tmp_path, BOX), lambda: check_hashes(wanted, [wheel])):
        with pytest.raises(WrongHash, match=f"has the hash {told}, and not sha256:0000"):
            look()


def test_what_a_wheel_needs_must_have_a_hash_too(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tool-1-py3-none-any", needs=["part>=1"])
    part = make_wheel(tmp_path, "part-1-py3-none-any")
    line = f"tool==1 {hash_of(wheel)}"

    with pytest.raises(BundleError, match=r"part>=1 is needed, and has no hash"):
        from_folder(parse([line]), tmp_path, BOX)
    with pytest.raises(BundleError, match=r"part-1-py3-none-any\.whl is needed, and has no hash"):
        check_hashes(parse([line]), [wheel, part])
    both = parse([line, f"part==1 {hash_of(part)}"])
    assert names(from_folder(both, tmp_path, BOX)) == ["part-1", "tool-1"]


def test_a_requirement_that_is_named_twice_has_a_hash_of_both(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tool-1-py3-none-any")
    wanted = parse([f"tool==1 {hash_of(wheel)}", f"tool==1 --hash=sha256:{'0' * 64}"])

    with pytest.raises(WrongHash, match="and not any"):
        from_folder(wanted, tmp_path, BOX)
