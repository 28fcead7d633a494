"""How much a service may keep: counted whatever it does to its folder meanwhile."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

from cantor.base.errors import UnavailableError
from cantor.node.push import quota as module
from cantor.node.push.quota import DEPTH_MAX, FILE_SHARE_BYTES, Quota

MIB = 1 << 20
QUOTA = Quota(4 * MIB)


def write(path: Path, size_bytes: int) -> None:
    path.write_bytes(os.urandom(size_bytes))


def open_files() -> int:
    gc.collect()  # what tests before have left is closed first
    return len(list(Path("/proc/self/fd").iterdir()))


async def why(folder: Path, quota: Quota = QUOTA) -> str:
    """Why it is too much; "" if it is not."""
    try:
        await quota.check(folder)
    except UnavailableError as error:
        return error.what
    return ""


async def test_what_lies_below_counts_and_not_where_links_lead(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    write(tmp_path / "large", 8 * MIB)
    (folder / "link").symlink_to(tmp_path / "large")
    (folder / "all").symlink_to(tmp_path)
    write(below / "one", 3 * MIB)
    os.link(below / "one", folder / "again")
    assert await why(folder) == ""

    write(folder / "two", MIB)
    assert await why(folder) == "its data take more than 4.0 MiB"


async def test_holes_in_a_file_take_nothing(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(100 * MIB)

    assert await why(tmp_path) == ""


async def test_many_empty_files_are_too_much(tmp_path: Path) -> None:
    quota = Quota(16 * FILE_SHARE_BYTES)
    for number in range(16):
        (tmp_path / str(number)).touch()
    assert await why(tmp_path, quota) == ""

    (tmp_path / "one more").touch()
    assert await why(tmp_path, quota) == "its data are more than 16 files"


async def test_what_is_hidden_in_the_depth_is_not_missed(tmp_path: Path) -> None:
    place = tmp_path.joinpath(*["d"] * DEPTH_MAX)
    place.mkdir(parents=True)
    before = open_files()
    assert await why(tmp_path) == ""

    (place / "d").mkdir()
    assert await why(tmp_path) == f"its data lie more than {DEPTH_MAX} folders deep"
    assert open_files() == before


async def test_what_cannot_be_counted_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert await why(tmp_path / "file") == "its data cannot be counted: Not a directory"
    assert await why(tmp_path / "gone") == ""


async def test_it_is_counted_again_until_it_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    counted = asyncio.Event()
    real, loop = module._Count.run, asyncio.get_running_loop()

    def run(count: module._Count) -> None:
        real(count)
        loop.call_soon_threadsafe(counted.set)

    monkeypatch.setattr(module._Count, "run", run)
    async with asyncio.timeout(20):
        watching = asyncio.ensure_future(QUOTA.watch(tmp_path))
        await counted.wait()
        assert not watching.done()
        write(tmp_path / "large", 5 * MIB)
        with pytest.raises(UnavailableError, match=r"more than 4\.0 MiB") as told:
            await watching
    assert told.value.where == str(tmp_path)
    assert "--service-data" in told.value.remedy
