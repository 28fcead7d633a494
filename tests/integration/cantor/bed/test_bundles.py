"""A bundle with a large wheel on its way to ten fresh boxes: each helps the others."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.bed import topologies

from cantor.bundles.fetching.manifest import CHUNK_BYTES
from cantor.node.control import ask

if TYPE_CHECKING:
    from tests.bed.fleet import Box, Fleet
    from tests.bed.network import Network

pytestmark = pytest.mark.integration

WHEEL_BYTES = 20_000_000
COPIES_MAX = 3
GET_S = 90.0


def content(path: str) -> bytes:
    return Path(path).read_bytes()


async def called(box: Box, call: str, **args: Any) -> dict[str, Any]:  # noqa: ANN401
    return cast("dict[str, Any]", await ask(box.folder, call, args, timeout_s=GET_S))


async def test_ten_fresh_boxes_take_a_wheel_from_its_origin_three_times_at_most(
    network: Network, fleet: Fleet, tmp_path: Path
) -> None:
    topologies.site(network, 11)
    await fleet.start()
    await fleet.until_all_online()
    origin, *fresh = fleet.running
    wheel = random.Random(1).randbytes(WHEEL_BYTES)  # noqa: S311 (equal bytes in each run)
    (tmp_path / "wheel").write_bytes(wheel)
    (tmp_path / "code").write_bytes(b"code")
    files = {"": str(tmp_path / "code"), "big-1-py3-none-any.whl": str(tmp_path / "wheel")}
    added = await called(origin, "bundles.add", files=files)

    async with asyncio.TaskGroup() as group:
        got = [
            group.create_task(called(box, "bundles.get", **added, **{"from": [origin.id]}))
            for box in fresh
        ]

    for one in got:
        assert content(one.result()["parts"][1][1]) == wheel
    chunks = -(-WHEEL_BYTES // CHUNK_BYTES) + 1
    given = (await called(origin, "bundles.get", **added))["chunks_given"]
    assert given <= COPIES_MAX * chunks
