"""Variables of real agents: everywhere, watched, kept over kills, and of this tenant alone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.bed.loopback import PROGRAM, Boxes
from tests.bed.waiting import until

import cantor
from cantor import aio
from cantor.base.errors import (
    CantorError,
    ConfigError,
    NotFoundError,
    NotSerialisable,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cantor.state.variables import VariableChange

pytestmark = pytest.mark.integration
FOR_OTHERS = ("--workers", "1", "--code-run", "tenant")
MISSING = object()


def run(box: str, boxes: Boxes, *words: str, text: str | None = None) -> tuple[int, str]:
    """``cantor var`` on a box: its exit code and what it printed."""
    done = subprocess.run(
        [*PROGRAM, "var", *words, "--data", str(boxes[box].folder)],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def seen(boxes: Boxes, box: str, name: str) -> Any:  # noqa: ANN401 (any value)
    with cantor.connect(boxes[box].folder):
        return cantor.variables.get(name, MISSING)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        for name in ("desk", "wall"):
            boxes.start(name, *FOR_OTHERS)
        boxes.until_known("desk", "desk", "wall")
        boxes.until_known("wall", "desk", "wall")
        yield boxes
    finally:
        boxes.close()


@pytest.mark.parametrize(
    "value",
    [None, {"speed": 12, 3: (1, 2)}, {1, 2}, b"x" * 50_000, np.arange(12.0).reshape(3, 4)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_set_on_one_node_is_on_the_other(boxes: Boxes, value: object) -> None:
    name = f"one/{type(value).__name__}"
    with cantor.connect(boxes["desk"].folder):
        cantor.variables.set(name, value)

    with cantor.connect(boxes["wall"].folder):
        until(lambda: cantor.variables.find(name) is not None)
        found = cantor.variables.find(name)
    assert found is not None
    assert repr(found.value) == repr(value)


def test_what_is_deleted_on_one_node_is_gone_on_the_other(boxes: Boxes) -> None:
    with cantor.connect(boxes["desk"].folder):
        cantor.variables.set("two", 1)
    until(lambda: seen(boxes, "wall", "two") == 1)

    with cantor.connect(boxes["wall"].folder):
        assert cantor.variables.delete("two")
        assert not cantor.variables.delete("two")
        with pytest.raises(NotFoundError, match="two"):
            cantor.variables.get("two")

    until(lambda: seen(boxes, "desk", "two") is MISSING)


def test_changes_on_another_node_come_to_who_watches(boxes: Boxes) -> None:
    seen: list[VariableChange] = []
    is_ready = threading.Event()

    async def watch() -> None:
        is_first = True
        async for change in aio.variables.watch("three/", with_present=True):
            seen.append(change)
            if is_first:
                is_ready.set()
                is_first = False
            if change.is_deleted:
                return

    with cantor.connect(boxes["wall"].folder):
        cantor.variables.set("three/first", 0)
        thread = threading.Thread(target=asyncio.run, args=(watch(),))
        thread.start()
        assert is_ready.wait(30)
        for words in (("set", "three/x", "[1]"), ("set", "other", "1"), ("delete", "three/x")):
            assert run("desk", boxes, *words)[0] == 0
        thread.join(30)

    assert [(c.name, c.value) for c in seen[:2]] == [("three/first", 0), ("three/x", [1])]
    assert (seen[-1].name, seen[-1].is_deleted, seen[-1].value) == ("three/x", True, None)


def test_bad_input_is_one_error_each(boxes: Boxes) -> None:
    with cantor.connect(boxes["desk"].folder):
        with pytest.raises(NotSerialisable, match="function"):
            cantor.variables.set("bad", lambda: None)
        with pytest.raises(ConfigError, match=r"64\.0 KiB"):
            cantor.variables.set("bad", b"x" * 70_000)
        with pytest.raises(ConfigError, match="called"):
            cantor.variables.set("no name", 1)
        with pytest.raises(NotFoundError):
            cantor.variables.get("bad")
    with pytest.raises(UnavailableError):
        cantor.variables.get("bad")


def test_pages_and_prefixes(boxes: Boxes) -> None:
    async def fill() -> None:
        await asyncio.gather(*(aio.variables.set(f"many/{n:04}", n) for n in range(1100)))

    with cantor.connect(boxes["desk"].folder):
        asyncio.run(fill())
        assert [one.value for one in cantor.variables.items("many/")] == list(range(1100))
        assert [one.name for one in cantor.variables.items("many/109")] == [
            f"many/{n}" for n in range(1090, 1100)
        ]


def test_the_command_line(boxes: Boxes) -> None:
    assert run("desk", boxes, "set", "line/speed", '{"rpm": 3}', "--json") == (
        0,
        '{"set": "line/speed"}\n',
    )
    assert run("desk", boxes, "set", "line/mode", "-", "--text", text="1")[0] == 0
    until(lambda: seen(boxes, "wall", "line/mode") == "1")

    assert run("wall", boxes, "get", "line/speed") == (0, '{"rpm": 3}\n')
    code, text = run("wall", boxes, "list", "line/", "--json")
    rows = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert [(row["name"], row["value"]) for row in rows] == [
        ("line/mode", "1"),
        ("line/speed", {"rpm": 3}),
    ]
    assert "line/mode" in run("wall", boxes, "list", "line/")[1]
    assert run("wall", boxes, "list", "nothing/") == (0, "No variables.\n")
    assert run("wall", boxes, "delete", "line/mode") == (0, "Deleted.\n")
    assert run("wall", boxes, "get", "line/mode")[0] == 1
    assert run("wall", boxes, "delete", "line/mode", "--json") == (1, '{"deleted": false}\n')
    assert run("wall", boxes, "set", "/wrong", "1")[0] == 2
    told = json.loads(run("wall", boxes, "status", "--json")[1])
    assert told["variables"] > 0
    assert told["clocks"] == {}
    assert "Exchanged with 1 nodes" in run("wall", boxes, "status")[1]


def test_the_command_line_watches(boxes: Boxes) -> None:
    assert run("desk", boxes, "set", "four/a", "1")[0] == 0
    process = subprocess.Popen(
        [*PROGRAM, "var", "watch", "four/", "--present", "--data", str(boxes["desk"].folder)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "four/a = 1\n"
        assert run("wall", boxes, "set", "four/b", "two")[0] == 0
        assert process.stdout.readline() == "four/b = two\n"
        until(lambda: run("wall", boxes, "delete", "four/a")[0] == 0)
        assert process.stdout.readline() == "four/a deleted\n"
    finally:
        process.kill()
        process.communicate()


def test_no_acknowledged_change_is_lost_when_its_setter_is_killed(tmp_path: Path) -> None:
    boxes = Boxes(tmp_path)
    acknowledged: dict[str, int] = {}
    try:
        for name in ("setter", "other"):
            boxes.start(name, *FOR_OTHERS)
        for life in range(3):
            boxes.until_known("setter", "setter", "other")
            with cantor.connect(boxes["setter"].folder):
                killer = threading.Timer(0.3 + 0.2 * life, boxes["setter"].kill)
                killer.start()
                with pytest.raises(CantorError):
                    _set_without_end(life, acknowledged)
                killer.join()
            boxes.start_again("setter")
        assert len(acknowledged) == 50

        for name in ("setter", "other"):
            until(lambda name=name: _lost(boxes, name, acknowledged) == {})  # type: ignore[misc]
        boxes["setter"].kill()
        boxes["other"].stop()
        boxes.start_again("other")
        assert _lost(boxes, "other", acknowledged) == {}  # without the setter
    finally:
        boxes.close()


def _set_without_end(life: int, acknowledged: dict[str, int]) -> None:
    for number in range(1_000_000):
        cantor.variables.set(f"v{number % 50}", [life, number])
        acknowledged[f"v{number % 50}"] = 1_000_000 * life + number


def _lost(boxes: Boxes, box: str, acknowledged: dict[str, int]) -> dict[str, int]:
    """What a box has not, or older than that."""
    with cantor.connect(boxes[box].folder):
        found = {one.name: one.value[0] * 1_000_000 + one.value[1] for one in _items()}
    return {name: n for name, n in acknowledged.items() if found.get(name, -1) < n}


def _items() -> list[Any]:
    return list(cantor.variables.items())


def test_a_watch_ends_when_its_agent_does_and_goes_on_after_it_was_started_anew(
    tmp_path: Path,
) -> None:
    boxes = Boxes(tmp_path)
    try:
        boxes.start("desk")
        with cantor.connect(boxes["desk"].folder):
            cantor.variables.set("a", 1)
            changes = cantor.variables.watch(with_present=True)
            assert next(changes).name == "a"
            boxes["desk"].kill()
            with pytest.raises(CantorError):
                next(changes)
        boxes.start_again("desk")
        with cantor.connect(boxes["desk"].folder):
            assert next(cantor.variables.watch(with_present=True)).value == 1
    finally:
        boxes.close()


def test_nodes_of_another_tenant_neither_see_variables_nor_set_them(tmp_path: Path) -> None:
    boxes = Boxes(tmp_path)
    ours = boxes.authority
    try:
        boxes.authority = ours.for_tenant("others", now=datetime.now(UTC))
        boxes.start("stranger", "--workers", "1")
        boxes.authority = ours
        for name in ("desk", "wall"):
            boxes.start(name, *FOR_OTHERS)
        boxes.until_known("desk", "desk", "wall")
        assert run("desk", boxes, "set", "a", "ours")[0] == 0
        until(lambda: seen(boxes, "wall", "a") == "ours")
        until(lambda: boxes["stranger"].ask("status")["nodes_online"] == 3)

        assert run("stranger", boxes, "list") == (0, "No variables.\n")
        assert run("stranger", boxes, "set", "a", "theirs")[0] == 0
        assert run("desk", boxes, "set", "fence", "1")[0] == 0
        until(lambda: seen(boxes, "wall", "fence") == 1)

        assert [seen(boxes, name, "a") for name in ("desk", "wall")] == ["ours", "ours"]
        assert seen(boxes, "stranger", "fence") is MISSING
    finally:
        boxes.close()
