from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.edge_packaging.disks import Disk, make_disk

from cantor.base.errors import CantorError, ConfigError, RemoteProtocolError
from edge_packaging.fat import FatVolume

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


@pytest.fixture(params=[("fat16", 16 * MIB), ("fat32", 40 * MIB)], ids=lambda kind: kind[0])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    kind, size = request.param
    return make_disk(tmp_path / "disk.img", kind, size)


def test_a_written_file_is_read_back(disk: Disk) -> None:
    content = bytes(range(256)) * 1000
    with disk.volume() as volume:
        volume.write("cantor/a-long-name.tar.gz", content)

    with disk.volume() as volume:
        assert volume.names("cantor") == ["a-long-name.tar.gz"]
        assert volume.read("CANTOR/A-Long-Name.tar.gz") == content


def test_a_replaced_file_gives_its_room_back(disk: Disk) -> None:
    with disk.volume() as volume:
        volume.write("cmdline.txt", b"old" * 100_000)
        free = volume.free_bytes
        volume.write("cmdline.txt", b"new")

        assert volume.read("cmdline.txt") == b"new"
        assert volume.free_bytes > free
        assert volume.names() == ["cmdline.txt"]


def test_a_directory_grows_with_its_files(disk: Disk) -> None:
    names = [f"a file with a long name {number:03d}.txt" for number in range(100)]
    with disk.volume() as volume:
        for name in names:
            volume.write(f"many/{name}", name.encode())

        assert volume.names("many") == names
        assert all(volume.read(f"many/{name}") == name.encode() for name in names)


def test_no_room_is_said_before_the_image_is_full_of_halves(disk: Disk) -> None:
    with disk.volume() as volume, pytest.raises(ConfigError, match="no room"):
        volume.write("large", bytes(volume.free_bytes + 1))


def test_names_that_a_volume_cannot_hold_are_refused(disk: Disk) -> None:
    with disk.volume() as volume:
        for name in ("what?", "tail.", "a\\b", "x" * 300):
            with pytest.raises(ConfigError):
                volume.write(name, b"x")


def test_a_chain_in_a_circle_is_found(disk: Disk) -> None:
    with disk.volume() as volume:
        volume.write("file", bytes(3 * 4096))
    disk.make_circle()

    with disk.volume() as volume, pytest.raises(RemoteProtocolError, match="circle"):
        volume.read("file")


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=64), st.integers(0, 447))
def test_a_damaged_boot_sector_is_an_error_and_no_crash(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    disk = make_disk(tmp_path_factory.mktemp("noise") / "disk.img", "fat16", 16 * MIB)
    disk.damage(at, noise)
    try:
        with disk.volume() as volume:
            volume.names()
    except CantorError:
        pass


def test_a_cut_off_volume_is_an_error(tmp_path: Path) -> None:
    disk = make_disk(tmp_path / "disk.img", "fat16", 16 * MIB)
    with disk.path.open("r+b") as image:
        image.truncate(disk.start + 600)
        with pytest.raises(RemoteProtocolError):
            FatVolume(image, disk.start, disk.size)


def test_both_tables_hold_the_same(disk: Disk) -> None:
    with disk.volume() as volume:
        volume.write("file", b"x" * 10_000)
    raw = disk.path.read_bytes()[disk.start :]
    sector, _, reserved, tables = struct.unpack_from("<HBHB", raw, 11)
    small = struct.unpack_from("<H", raw, 22)[0]
    length = (small or struct.unpack_from("<I", raw, 36)[0]) * sector
    first = reserved * sector

    assert tables == 2
    assert raw[first : first + length] == raw[first + length : first + 2 * length]
