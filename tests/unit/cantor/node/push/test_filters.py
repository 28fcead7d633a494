"""Pushed filters on nodes in memory: opened by a process in memory, which tells what we say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.unit.cantor.node.push.boxes import IDS, NAMES, Boxes, FakeProcess

from cantor.base.errors import ConfigError
from cantor.bundles.tree import File, pack
from cantor.node.push import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from cantor.node.push.inside import Inside
    from cantor.node.push.outside import Outside
    from cantor.node.services import Service

MANIFEST = "kind: filter\nname: counter\nfilters: ['marks:Mark']\n"
TOLD, WRONG, HANGS = b"it is so", b"it is wrong", b"it hangs"


class Opener:
    """Believes what it is told, if that is so."""

    def opening(self, classes: Sequence[str], told: Path) -> tuple[str, ...]:
        return ("open", str(told), *classes)

    def read(self, told: bytes) -> None:
        if told == WRONG:
            raise ConfigError("its classes are wrong")


class Galaxy:
    """The service that has it."""

    opener = Opener()

    async def start(self) -> None: ...
    async def close(self) -> None: ...


class Opens(FakeProcess):
    """Writes what stands in ``marks.py`` into the file that it is given, and ends well."""

    async def start(
        self, command: Sequence[str], way: Inside | Outside, inherits: tuple[int, ...] = ()
    ) -> None:
        assert (command[0], *command[2:]) == ("open", "marks:Mark")
        self.level = "none" if not hasattr(way, "sandbox") else way.sandbox.level
        self.environment = way.environment
        self.started[way.environment["CANTOR_NODE"]].append(self)
        told = (way.folder / "marks.py").read_bytes()
        if told == HANGS:
            return
        if told:
            Path(command[1]).write_bytes(told)  # noqa: ASYNC240 (a few bytes)
        self.crash(0)


@pytest.fixture
async def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Boxes]:
    boxes = Boxes(tmp_path, monkeypatch)
    monkeypatch.setattr(running, "ServiceProcess", Opens)
    yield boxes
    await boxes.close()


async def start(boxes: Boxes, *names: str) -> None:
    for name in names:
        await boxes.start(name)
        boxes.mesh.nodes[IDS[NAMES.index(name)]].services["galaxy"] = cast("Service", Galaxy())


async def push(boxes: Boxes, on: str, told: bytes, **args: Any) -> Any:  # noqa: ANN401 (as told)
    files = {"marks.py": File(told), "service.yaml": File(MANIFEST.encode())}
    blob = boxes.folder / f"code of {on}"
    blob.write_bytes(pack(files))
    wish = {"hold_s": 0.05, **args}
    return await boxes.call(on, "service.push", files={"": str(blob)}, **wish)


def offered(boxes: Boxes, name: str) -> dict[str, object]:
    """The conditions of a node."""
    view = next(one for one in boxes.mesh.nodes[IDS[0]].nodes() if one.name == name)
    return {one.name: one.value for one in view.resources}


async def test_it_stands_on_every_node_and_is_opened_as_closed_as_its_push_says(
    boxes: Boxes,
) -> None:
    await start(boxes, "ash", "birch")
    await push(boxes, "ash", TOLD)
    await boxes.until("ash", ash=("running", 1), birch=("running", 1))

    assert offered(boxes, "birch") == {"Filter.counter": 1}
    mine, its = (boxes.pushes[name].opened()["counter"] for name in ("ash", "birch"))
    assert (its.number, its.told, its.classes) == (1, TOLD, ("marks:Mark",))
    assert (mine.level, its.level) == ("none", "full")
    assert [one.level for one in Opens.started["birch"]] == ["full"]
    assert (its.folder / "marks.py").read_bytes() == TOLD
    assert not list(its.folder.parents[1].glob("data/*"))  # what it has told is not left there


@pytest.mark.parametrize(
    ("told", "why"),
    [(WRONG, "its classes are wrong"), (b"", "tell nothing"), (b"x" * 20000, "more than 16 KiB")],
)
async def test_what_cannot_be_opened_is_returned_from(boxes: Boxes, told: bytes, why: str) -> None:
    await start(boxes, "ash")
    await push(boxes, "ash", TOLD)
    await boxes.until("ash", ash=("running", 1))
    await push(boxes, "ash", told)
    await boxes.until("ash", ash=("returned", 1))

    assert why in boxes.view("ash")["nodes"][0]["why"]
    assert boxes.pushes["ash"].opened()["counter"].told == TOLD
    assert offered(boxes, "ash") == {"Filter.counter": 1}


async def test_classes_that_do_not_open_in_time_are_ended(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cantor.node.push.local.OPENING_S", 0.05)
    await start(boxes, "ash")
    await push(boxes, "ash", HANGS)
    await boxes.until("ash", ash=("failing", 0))

    assert boxes.view("ash")["nodes"][0]["why"] == "not well within 0.05 s"
    assert boxes.pushes["ash"].opened() == {}


async def test_runs_that_fail_on_trial_return_it_and_later_ones_do_not(boxes: Boxes) -> None:
    await start(boxes, "ash")
    await push(boxes, "ash", TOLD)
    await boxes.until("ash", ash=("running", 1))
    here = boxes.pushes["ash"]
    first = here.opened()["counter"].bundle
    assert not here.is_on_trial(first)
    here.run_failed(first, "no light")
    await push(boxes, "ash", TOLD + b"!", canary="1", hold_s=60.0)
    for times in (2, 3, 4):  # each time it is opened anew

        def is_opened(times: int = times) -> bool:
            is_again = len(Opens.started["ash"]) == times
            return is_again and boxes.states("ash")["ash"] == ("trial", 2)

        await boxes.until_true(is_opened)
        second = here.opened()["counter"].bundle
        assert here.is_on_trial(second)
        here.run_failed(second, "no light")
    await boxes.until("ash", ash=("running", 3))

    assert "failed on ash: a run failed: no light" in boxes.view("ash")["why"]
    assert here.opened()["counter"].bundle == first


async def test_a_build_without_filters_refuses_it(boxes: Boxes) -> None:
    await boxes.start("ash")
    await push(boxes, "ash", TOLD)
    await boxes.until("ash", ash=("refused", 0))

    assert "this node runs no filters" in boxes.view("ash")["nodes"][0]["why"]


async def test_a_restarted_node_opens_it_again(boxes: Boxes) -> None:
    await start(boxes, "ash")
    await push(boxes, "ash", TOLD)
    await boxes.until("ash", ash=("running", 1))
    await boxes.stop("ash")
    await start(boxes, "ash")
    await boxes.until("ash", ash=("running", 1))

    assert boxes.pushes["ash"].opened()["counter"].told == TOLD
    assert len(Opens.started["ash"]) == 2


async def test_a_name_has_one_kind(boxes: Boxes) -> None:
    await start(boxes, "ash")
    await push(boxes, "ash", TOLD)
    with pytest.raises(ConfigError, match="that name is taken by a filter"):
        await boxes.push("ash", "print()")
    with pytest.raises(ConfigError, match="it is a filter, which cannot be submitted"):
        await boxes.call("ash", "service.task", name="counter")
