"""Which node a wheel is for, and how it becomes a folder without doing harm."""

from __future__ import annotations

import contextlib
import io
import stat
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.cantor.bundles.made_wheels import listing, make_wheel, peak

from cantor.base.errors import BundleError, WrongPlatform
from cantor.bundles import wheels, zip_directory
from cantor.bundles.wheels import Target, check, target_here, unpack
from cantor.bundles.zip_directory import entries_in

if TYPE_CHECKING:
    from pathlib import Path

BOX = Target("3.11", ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "linux_aarch64"))


@pytest.mark.parametrize(
    "name",
    [
        "numpy-2.4.6-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64",
        "cryptography-50.0.2-cp39-abi3-manylinux_2_28_aarch64",
        "attrs-26.1.0-py3-none-any",
        "tool-1-py3-none-manylinux_2_17_aarch64",
        "six-1.17.0-py2.py3-none-any",
    ],
)
def test_a_wheel_for_the_node_is_good(name: str) -> None:
    check(f"{name}.whl", BOX)


@pytest.mark.parametrize(
    "name",
    [
        "numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64",
        "numpy-2.4.6-cp312-cp312-manylinux_2_28_aarch64",
        "numpy-2.4.6-cp311-cp311-manylinux_2_34_aarch64",
        "numpy-2.4.6-cp311-cp311-musllinux_1_2_aarch64",
        "tool-1-py2-none-any",
    ],
)
def test_a_wheel_for_another_node_is_one_error_that_names_both(name: str) -> None:
    with pytest.raises(WrongPlatform) as raised:
        check(f"{name}.whl", BOX)

    told = str(raised.value)
    assert name.rsplit("-", maxsplit=1)[-1] in told
    assert "not for Python 3.11 on manylinux_2_28_aarch64" in told


@pytest.mark.parametrize("name", ["numpy.tar.gz", "a-b.whl", "../x-1-py3-none-any.whl", ""])
def test_what_is_no_wheel_is_said(name: str) -> None:
    with pytest.raises(BundleError, match="not the name of a wheel"):
        check(name, BOX)


def test_this_machine_runs_its_own_wheels() -> None:
    here = target_here()
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"

    check(f"a-1-{version}-{version}-{here.platforms[0]}.whl", here)


def test_a_version_from_the_network_is_checked() -> None:
    with pytest.raises(BundleError, match="not a Python version"):
        check("a-1-py3-none-any.whl", Target("3.x", ()))


def test_a_wheel_becomes_a_folder_of_modules(tmp_path: Path) -> None:
    files = {
        "tool/__init__.py": "from .part import N\n",
        "tool/part.py": "N = 3\n",
        "tool-1.data/purelib/more.py": "M = 4\n",
        "tool-1.data/scripts/tool": "#!python\n",
        "tool-1.data/headers/tool.h": "",
    }
    folder = tmp_path / "out"

    unpack(make_wheel(tmp_path, "tool-1-py3-none-any", files), folder)

    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert there == ["more.py", "tool-1.dist-info/METADATA", "tool/__init__.py", "tool/part.py"]


def archive(path: Path, name: str, mode: int = 0, data: bytes = b"x") -> Path:
    with zipfile.ZipFile(path / "bad.whl", "w") as made:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        made.writestr(member, data)
    return path / "bad.whl"


@pytest.mark.parametrize(
    "name",
    [
        "../out.py",
        "/etc/x",
        "a/../../x",
        "a/./b",
        "c:/x",
        "a\\..\\x",
        "a//b",
        "x-1.data/purelib/../y",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    wheel = archive(tmp_path, name)

    with pytest.raises(BundleError, match="it would write elsewhere"):
        unpack(wheel, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_is_refused(tmp_path: Path) -> None:
    wheel = archive(tmp_path, "link", stat.S_IFLNK | 0o777, b"/etc/passwd")

    with pytest.raises(BundleError, match="something that is no file"):
        unpack(wheel, tmp_path / "out")


def test_what_unpacks_to_too_much_is_stopped_whatever_it_says(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "bomb-1-py3-none-any", {"zeros": bytes(10**6)})
    lying = wheel.read_bytes().replace((10**6).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    (tmp_path / "lies.whl").write_bytes(lying)

    with pytest.raises(BundleError, match="it unpacks to more than it may"):
        unpack(wheel, tmp_path / "out", bytes_max=10**5)
    with pytest.raises(BundleError):
        unpack(tmp_path / "lies.whl", tmp_path / "out2", bytes_max=10**5)
    assert sum(file.stat().st_size for file in tmp_path.glob("out*/*")) <= 10**6


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "FILES_MAX", 1)
    wheel = make_wheel(tmp_path, "two-1-py3-none-any")

    with pytest.raises(BundleError, match=r"it has 2 files \(limit 1\)"):
        unpack(wheel, tmp_path / "out")


def test_a_list_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "many.whl").write_bytes(listing(150_000))

    with peak() as measured, pytest.raises(BundleError, match=r"it has 150000 files"):
        unpack(tmp_path / "many.whl", tmp_path / "out")

    assert measured() < 8 << 20


@given(st.integers(0, 5000))
def test_all_entries_of_a_list_are_counted_wherever_it_is_cut(count: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(zip_directory, "_PIECE_BYTES", 101)
        assert entries_in(io.BytesIO(b"before" + listing(count))) == count


@pytest.mark.parametrize("name", ["x" * 256 + ".py", "é" * 130, "/".join(["folder"] * 150)])
def test_a_name_that_no_disk_takes_is_not_called_a_full_disk(name: str, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "long-1-py3-none-any", {name: "1"})

    with pytest.raises(BundleError, match="a name that no disk takes"):
        unpack(wheel, tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a.py", "two-1.data/purelib/a.py", "a.py/b.py"])
def test_two_files_of_one_name_are_refused(second: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.whl", "w") as made:
        made.writestr("a.py", "1")
        made.writestr(second, "2")

    with pytest.raises(BundleError, match="two files of one name"):
        unpack(tmp_path / "two.whl", tmp_path / "out")


@settings(max_examples=60)
@given(st.data())
def test_any_damage_gives_a_folder_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    wheel = make_wheel(folder, "tool-1-py3-none-any")
    content = bytearray(wheel.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    wheel.write_bytes(content)
    with contextlib.suppress(BundleError):
        unpack(wheel, folder / "out")
    outside = [path for path in folder.iterdir() if path.name not in {"out", wheel.name}]
    assert outside == []
