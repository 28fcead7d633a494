"""Wheels that who submits finds and keeps."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.bundles.made_wheels import make_wheel

from cantor.base.errors import BundleError, ConfigError, UnavailableError, WrongHash
from cantor.bundles import index
from cantor.bundles.requirements import applying, lines_of, parse
from cantor.bundles.resolving import KEPT_MAX, RESOLVED_S, Wardrobe
from cantor.bundles.wheels import target_here

if TYPE_CHECKING:
    from pathlib import Path

PIP = """
import pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1])
with open({log!r}, "a") as log:
    log.write("asked\\n")
if pathlib.Path({log!r} + ".gone").exists():
    sys.exit("ERROR: Retrying (")
(folder / "tool-1-py3-none-any.whl").write_bytes(pathlib.Path({wheel!r}).read_bytes())
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a pip that always gives one wheel writes when it is asked."""
    log = tmp_path / "asked"
    log.touch()
    pip = tmp_path / "pip.py"
    wheel = make_wheel(tmp_path, "tool-1-py3-none-any")
    pip.write_text(PIP.format(log=str(log), wheel=str(wheel)), encoding="utf-8")
    monkeypatch.setattr(index, "_pip", lambda: [sys.executable, str(pip)])
    return log


def test_the_index_is_asked_once_a_day(tmp_path: Path, asked: Path) -> None:
    wardrobe = Wardrobe(cache=tmp_path / "cache")

    found, again = (wardrobe.wheels(parse(["tool"]), target_here()) for _ in range(2))
    assert found == again
    assert [wheel.name for wheel in found] == ["tool-1-py3-none-any.whl"]
    assert asked.read_text(encoding="utf-8") == "asked\n"

    long_ago = found[0].parent.stat().st_mtime - RESOLVED_S - 1
    os.utime(found[0].parent, (long_ago, long_ago))
    assert wardrobe.wheels(parse(["tool"]), target_here())
    assert asked.read_text(encoding="utf-8") == "asked\nasked\n"


def test_without_the_index_what_it_gave_before_is_used(
    tmp_path: Path, asked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wardrobe = Wardrobe(cache=tmp_path / "cache")
    (found,) = wardrobe.wheels(parse(["tool"]), target_here())
    asked.with_name("asked.gone").touch()

    long_ago = found.parent.stat().st_mtime - RESOLVED_S - 1
    os.utime(found.parent, (long_ago, long_ago))
    assert wardrobe.wheels(parse(["tool"]), target_here()) == [found]  # its answer is too old
    assert wardrobe.wheels(parse(["tool==1"]), target_here()) == [found]  # this was never asked
    assert [record.getMessage() for record in caplog.records] == [
        "no index; wheels that were found before are used"
    ] * 2
    with pytest.raises(UnavailableError, match="cannot be reached"):
        wardrobe.wheels(parse(["tool>1"]), target_here())
    with pytest.raises(UnavailableError, match="cannot be reached"):  # what another index gave
        Wardrobe(index="https://x", cache=tmp_path / "cache").wheels(parse(["tool"]), target_here())


def test_hashes_are_looked_at_in_the_cache_too(tmp_path: Path, asked: Path) -> None:
    wardrobe = Wardrobe(cache=tmp_path / "cache")
    (found,) = wardrobe.wheels(parse(["tool"]), target_here())
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    wanted = parse([f"tool==1 --hash=sha256:{digest}"])
    (known,) = wardrobe.wheels(wanted, target_here())

    known.write_bytes(b"changed")
    with pytest.raises(WrongHash, match=f"and not sha256:{digest}"):
        wardrobe.wheels(wanted, target_here())

    asked.with_name("asked.gone").touch()
    with pytest.raises(WrongHash, match=f"has the hash sha256:.* and not sha256:{'0' * 64}"):
        wardrobe.wheels(parse([f"tool==1 --hash=sha256:{'0' * 64}"]), target_here())


def test_nothing_wanted_is_asked_of_nobody(tmp_path: Path, asked: Path) -> None:
    wanted = applying(parse(["tool; sys_platform == 'win32'"]), target_here())

    assert Wardrobe(cache=tmp_path).wheels(wanted, target_here()) == []
    assert asked.read_text(encoding="utf-8") == ""


def test_a_wheel_is_unpacked_once_and_a_bad_one_leaves_nothing(tmp_path: Path) -> None:
    wardrobe = Wardrobe(cache=tmp_path / "cache")
    wheel = make_wheel(tmp_path, "tool-1-py3-none-any")
    bad = tmp_path / "bad-1-py3-none-any.whl"
    bad.write_bytes(b"no archive")

    folder = wardrobe.unpacked(wheel)
    assert (folder / "tool.py").is_file()
    assert wardrobe.unpacked(wheel) == folder
    with pytest.raises(BundleError, match="no archive"):
        wardrobe.unpacked(bad)
    assert list(folder.parent.iterdir()) == [folder]


def test_what_is_old_makes_room_and_what_is_new_stays(tmp_path: Path) -> None:
    trees = tmp_path / "trees"
    for number in range(KEPT_MAX + 2):
        (trees / f"{number:03}").mkdir(parents=True)
        if number < 10:
            os.utime(trees / f"{number:03}", (number, number))

    Wardrobe(cache=tmp_path).unpacked(make_wheel(tmp_path, "tool-1-py3-none-any"))

    left = {path.name for path in trees.iterdir()}
    assert {"000", "001", "002"}.isdisjoint(left)
    assert {"003", f"{KEPT_MAX + 1:03}"} < left


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "trees").touch()

    with pytest.raises(UnavailableError, match="cannot be kept"):
        Wardrobe(cache=tmp_path).unpacked(make_wheel(tmp_path, "tool-1-py3-none-any"))


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of wheels"):
        Wardrobe(tmp_path / "absent").wheels(parse(["tool"]), target_here())


def test_requirements_are_a_list_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("tool>=1\npart\n", encoding="utf-8")

    assert lines_of(["tool"]) == ("tool",)
    assert lines_of(file) == lines_of(str(file)) == ("tool>=1", "part")
    with pytest.raises(ConfigError, match=r"absent\.txt"):
        lines_of(tmp_path / "absent.txt")
