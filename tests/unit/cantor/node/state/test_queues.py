"""Queues of nodes in memory: made, deleted, over restarts and kills, and asked by strangers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from cantor.base.errors import (
    ConfigError,
    ConflictError,
    NotFoundError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.node.state import queues as queues_module
from cantor.stores.packed import pack_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


from tests.bed.queue_bed import WAIT_S, Bed, raised


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bed]:
    desk = Bed(tmp_path)
    yield desk
    await desk.queues.close()


both = pytest.mark.parametrize("durable", [True, False])


@both
async def test_a_queue_is_made_once_and_with_the_same_terms(desk: Bed, durable: bool) -> None:
    made = await asyncio.gather(*(desk.create(durable=durable, tries_max=3) for _ in range(3)))
    assert sorted(made) == [False, False, True]
    error = await raised(desk.create(durable=durable, tries_max=4))
    assert isinstance(error, ConflictError)
    assert "tries_max is 3, not 4" in error.what
    assert isinstance(await raised(desk.create(durable=not durable)), ConflictError)
    error = await raised(desk.create("r", durable=not durable, dead_letters="q"))
    assert "not as durable" in error.what


@both
async def test_a_queue_that_is_deleted_is_gone_with_its_messages(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable, dead_letters="dead")
    assert isinstance(await raised(desk.ask("delete", b="dead")), ConflictError)
    waits = asyncio.create_task(desk.take(wait=WAIT_S, name="dead"))
    await desk.put(b"1")
    assert (await desk.ask("delete"))["was"] is True
    assert (await desk.ask("delete"))["was"] is False
    assert (await desk.ask("delete", b="dead"))["was"] is True
    assert isinstance(await raised(waits), NotFoundError)
    assert isinstance(await raised(desk.put(b"2")), NotFoundError)
    assert await desk.create(durable=durable)
    assert await desk.take() == []


async def test_after_a_restart_all_goes_on(tmp_path: Path) -> None:
    desk = Bed(tmp_path)
    await desk.create(visible_s=3600.0)
    await desk.create("lost", durable=False)
    await desk.put(*[bytes([number]) for number in range(6)])
    await desk.put(b"later", delay=3000.0)
    done, lost, held = await desk.take(3)
    await desk.settle("ack", done)
    await desk.settle("give", lost)
    await desk.queues.close()

    again = Bed(tmp_path)
    assert again.queues.has("q")
    assert not again.queues.has("lost")
    assert [row[0] for row in (await again.ask("queues"))["rows"]] == ["q"]
    stats = await again.stats()
    assert (stats["messages"], stats["taken"], stats["delayed"]) == (6, 1, 1)
    bodies = [(row[2], row[3]) for row in await again.take()]
    assert bodies == [(2, b"\1"), (1, b"\3"), (1, b"\4"), (1, b"\5")]
    assert await again.settle("ack", held) == [], "who took it before has it still"
    await again.queues.close()


async def test_a_kill_makes_what_was_taken_come_again_and_no_ack_of_before_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Bed(tmp_path)
    await desk.create()
    await desk.put(b"1")
    (held,) = await desk.take()
    again = Bed(tmp_path)  # the file as a kill leaves it: the take was not written yet
    (taken,) = await again.take()
    assert (taken[0], taken[2]) == (held[0], 1)
    assert await again.settle("ack", held) == [held[0]], "it has another take"
    assert await again.settle("ack", taken) == []
    await again.queues.close()
    await desk.queues.close()


async def test_takers_hear_that_the_node_ends(tmp_path: Path) -> None:
    desk = Bed(tmp_path)
    await desk.create()
    waits = asyncio.create_task(desk.take(wait=WAIT_S))
    await asyncio.sleep(0)
    await desk.queues.close()
    assert isinstance(await raised(waits), UnavailableError)
    assert isinstance(await raised(desk.put(b"1")), UnavailableError)


async def test_a_node_keeps_so_much_and_no_more(desk: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues_module, "QUEUES_MAX", 2)
    monkeypatch.setattr(queues_module, "MEMORY_BYTES_MAX", 10)
    for name in ("q", "r"):
        await desk.create(name, durable=False)
    assert "as many as may be" in (await raised(desk.create("s"))).what
    await desk.put(b"123456")
    assert "as many as may be" in (await raised(desk.put(b"12345", name="r"))).what
    await desk.put(b"1234", name="r")


BAD: list[tuple[str, tuple[bytes, ...], dict[str, Any]]] = [
    ("juggle", (), {}),
    ("put", (), {}),
    ("put", (b"\xc1",), {}),
    ("put", (pack_parts([]),), {}),
    ("put", (msgpack.packb([1, 2]),), {}),
    ("put", (pack_parts([b"x"]),), {"delay": "soon"}),
    ("put", (pack_parts([b"x"]),), {"delay": float("nan")}),
    ("put", (pack_parts([b"x"]),), {"delay": -1.0}),
    ("put", (pack_parts([b"x"] * 1001),), {}),
    ("put", (pack_parts([b"x" * 3_000_000]),), {}),
    ("take", (), {"count": "all", "ask": 1}),
    ("take", (), {"count": 1}),
    ("take", (), {"count": 1, "ask": 1, "wait": -1}),
    ("ack", (), {"of": "x", "m": []}),
    ("ack", (), {"of": "x", "m": [[1]]}),
    ("ack", (), {"of": "x", "m": [[1, "2"]]}),
    ("ack", (), {"of": 1, "m": [[1, 2]]}),
    ("extend", (), {"of": "x", "m": [[1, 2]], "s": 1e12}),
    ("create", (), {}),
    ("create", (), {"terms": {"visible_s": "long"}}),
    ("create", (), {"b": "", "terms": {}}),
    ("create", (), {"b": "new", "terms": {"dead_letters": "a\nb"}}),
    ("create", (), {"b": 7, "terms": {}}),
    ("room", (), {"count": 1}),
]


@pytest.mark.parametrize(("operation", "parts", "args"), BAD)
async def test_what_is_wrong_is_refused(
    desk: Bed, operation: str, parts: tuple[bytes, ...], args: dict[str, Any]
) -> None:
    await desk.create()
    error = await raised(desk.ask(operation, *parts, **{"b": "q", **args}))
    assert isinstance(error, (RemoteProtocolError, ConfigError))
    assert (await desk.stats())["put"] == 0


async def test_a_take_of_another_shelf_is_refused(desk: Bed) -> None:
    await desk.create(durable=False)
    await desk.put(b"1")
    (taken,) = await desk.take()
    told = await desk.ask("ack", of="0" * 16, m=[[taken[0], taken[1]]])
    assert told["refused"] == [taken[0]]
