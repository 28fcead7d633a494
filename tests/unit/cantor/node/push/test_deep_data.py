"""What a service may keep is counted before root's agent goes through it for a closed one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.node.push.boxes import CALM, IDS, Boxes

from cantor.workers.sandbox.trial import Trial

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Boxes]:
    made = Boxes(tmp_path, monkeypatch)
    for name in ("ash", "birch"):
        await made.start(name)
    yield made
    await made.close()


def make_deep(folder: Path, depth: int) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def removed_whole(folder: Path) -> None:
    """Also where Python would call itself for each folder."""
    subprocess.run(["rm", "-r", str(folder)], check=True)


async def test_what_lies_too_deep_is_not_gone_through_for_a_closed_service_either(
    boxes: Boxes,
) -> None:
    """Whoever goes through them calls itself for each: so many are more than Python lets it."""
    node = boxes.mesh.nodes[IDS[1]]
    node.sandboxes.learn([Trial("full"), Trial("net"), Trial("none")])
    data = node.folder / "services" / "default.counter" / "data"
    data.mkdir(parents=True)
    try:
        make_deep(data, sys.getrecursionlimit() + 10)
        await boxes.push("ash", CALM, needs='label.site == "birch"')
        await boxes.until("ash", birch=("failing", 0))
    finally:
        await asyncio.to_thread(removed_whole, data)

    (row,) = boxes.view("ash")["nodes"]
    assert "its data lie more than 64 folders deep" in row["why"]
