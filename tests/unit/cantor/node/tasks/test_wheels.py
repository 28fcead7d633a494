"""The wheels of attempts: fetched, checked before they are, unpacked once, held while they run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.bundles.made_wheels import make_wheel

from cantor.base.errors import BundleError, UnavailableError, WrongPlatform
from cantor.base.ids import NodeId
from cantor.bundles.wheels import target_here
from cantor.node.bundles.service import Bundles
from cantor.node.fake import FakeMesh
from cantor.node.tasks.wheels import Dressing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


IDS = [NodeId(f"{number:02d}" * 16) for number in range(2)]


def there(tmp_path: Path, play: Callable[[Bundles, Bundles, Dressing], Awaitable[None]]) -> None:
    """The bundles of a submitter's node and of this one, and what dresses its attempts."""

    async def run() -> None:
        mesh = FakeMesh()
        both: list[Bundles] = []
        for one in IDS:
            (tmp_path / one[:2]).mkdir()
            node = mesh.add(one, tmp_path / one[:2])
            bundles = Bundles(node)
            node.services = {"bundles": bundles}
            await bundles.start()
            both.append(bundles)
        try:
            await play(both[0], both[1], Dressing(mesh.nodes[IDS[1]]))
        finally:
            for bundles in both:
                await bundles.close()

    asyncio.run(run())


def told(bundle: str) -> str:
    return f"{target_here().key}={bundle}"


def test_wheels_are_unpacked_once_and_held_until_they_are_released(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tool-1-py3-none-any")

    async def play(origin: Bundles, here: Bundles, dressing: Dressing) -> None:
        bundle = (await origin.add({wheel.name: wheel})).id
        both = await asyncio.gather(*(dressing.clothes(told(bundle), IDS[0]) for _ in range(2)))
        assert both[0].folders == both[1].folders
        folder = here.store().tree((await origin.get(bundle)).parts[0].id)
        assert str(folder) == both[0].folders
        assert folder is not None
        assert (folder / "tool.py").is_file()
        assert here.store()._held[folder] == 2
        for clothes in both:
            clothes.release()
        assert here.store()._held[folder] == 0
        assert (await dressing.clothes(told(bundle), IDS[0])).folders == str(folder)

    there(tmp_path, play)


def test_a_wheel_of_another_platform_is_not_even_fetched(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tool-1-cp311-cp311-win_amd64")

    async def play(origin: Bundles, here: Bundles, dressing: Dressing) -> None:
        bundle = (await origin.add({wheel.name: wheel})).id
        with pytest.raises(WrongPlatform, match="win_amd64"):
            await dressing.clothes(told(bundle), IDS[0])
        assert here.store().ids() == []
        assert origin.chunks_given == 0

    there(tmp_path, play)


def test_a_bad_wheel_is_named_and_leaves_nothing_held(tmp_path: Path) -> None:
    good, bad = make_wheel(tmp_path, "tool-1-py3-none-any"), tmp_path / "bad-1-py3-none-any.whl"
    bad.write_bytes(b"no archive")

    async def play(origin: Bundles, here: Bundles, dressing: Dressing) -> None:
        bundle = (await origin.add({good.name: good, bad.name: bad})).id
        with pytest.raises(BundleError, match=r"wheel bad-1-py3-none-any\.whl: .*no archive"):
            await dressing.clothes(told(bundle), IDS[0])
        assert not any(here.store()._held.values())
        assert not list((tmp_path / IDS[1][:2] / "bundles" / "drafts").iterdir())

    there(tmp_path, play)


def test_what_is_for_no_node_of_this_kind_is_said(tmp_path: Path) -> None:
    async def play(_: Bundles, __: Bundles, dressing: Dressing) -> None:
        with pytest.raises(UnavailableError, match="no wheels were resolved for Python"):
            await dressing.clothes("3.99/any=" + "0" * 64, IDS[0])
        with pytest.raises(BundleError, match="not the id of a bundle"):
            await dressing.clothes(told("odd"), IDS[0])
        assert (await dressing.clothes(told(""), IDS[0])).folders == ""

    there(tmp_path, play)
