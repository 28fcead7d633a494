"""Queues at work: takers that wait or leave, dead letters, full queues, bad disks."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.bed.bad_disk import BadDisk

from cantor.bundles.values import unpack
from cantor.stores import queue_store
from cantor.stores.errors import StoreError
from cantor.stores.packed import unpack_parts
from cantor.stores.queue_records import FILE_NAME
from cantor.stores.queue_store import QueueStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


from tests.bed.queue_bed import SOON_S, WAIT_S, Bed, raised


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bed]:
    desk = Bed(tmp_path)
    yield desk
    await desk.queues.close()


@pytest.fixture
def bad_disk(monkeypatch: pytest.MonkeyPatch) -> type[BadDisk]:
    BadDisk.reset()
    monkeypatch.setattr(queue_store, "QueueStore", partial(QueueStore, connect=BadDisk.open))
    return BadDisk


both = pytest.mark.parametrize("durable", [True, False])


@both
async def test_messages_come_in_order_once_and_leave_when_acknowledged(
    desk: Bed, durable: bool
) -> None:
    assert await desk.create(durable=durable)
    await desk.put(b"1", b"2")
    await desk.put(b"3")
    first = await desk.take(2)
    rest = await desk.take(5)
    assert [(tries, body) for _, _, tries, body in first + rest] == [
        (1, b"1"),
        (1, b"2"),
        (1, b"3"),
    ]
    assert await desk.take(5) == []
    assert await desk.settle("ack", *first, *rest) == []
    assert await desk.settle("ack", first[0]) == [first[0][0]], "it is not there any more"
    stats = await desk.stats()
    assert (stats["messages"], stats["bytes"], stats["put"], stats["done"]) == (0, 0, 3, 3)
    assert (desk.node.folder / FILE_NAME).exists() == durable


@both
async def test_what_is_not_acknowledged_in_time_comes_again(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable, visible_s=SOON_S)
    await desk.put(b"1")
    (old,) = await desk.take()
    (again,) = await desk.take(wait=WAIT_S)
    assert (again[0], again[2], again[3]) == (old[0], 2, b"1")
    assert again[1] > old[1]
    assert await desk.settle("ack", old) == [old[0]], "another has it"
    assert await desk.settle("extend", again, s=60.0) == []
    assert await desk.take(wait=3 * SOON_S) == []
    assert await desk.settle("ack", again) == []
    assert (await desk.stats())["came_again"] == 1


@both
async def test_what_is_given_back_comes_at_once_or_when_it_shall(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable)
    await desk.put(b"1")
    (taken,) = await desk.take()
    waiting = asyncio.create_task(desk.take(wait=WAIT_S))
    await asyncio.sleep(0)
    assert await desk.settle("give", taken) == []
    (again,) = await waiting
    assert again[2] == 2
    assert await desk.settle("ack", taken) == [taken[0]]
    assert await desk.settle("give", again, s=SOON_S) == []
    assert await desk.take() == []
    assert (await desk.stats())["delayed"] == 1
    assert len(await desk.take(wait=WAIT_S)) == 1


@both
async def test_a_delayed_message_waits_and_lets_others_pass(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable)
    await desk.put(b"later", delay=SOON_S)
    await desk.put(b"now")
    assert [row[3] for row in await desk.take()] == [b"now"]
    assert [row[3] for row in await desk.take(wait=WAIT_S)] == [b"later"]


@both
async def test_who_waits_longest_is_served_first(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable)
    waiting = [asyncio.create_task(desk.take(1, wait=WAIT_S)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (await desk.stats())["takers"] == 3
    await desk.put(b"1", b"2", b"3")
    assert [(await one)[0][3] for one in waiting] == [b"1", b"2", b"3"]


@both
async def test_a_taker_that_leaves_takes_nothing_with_it(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable, visible_s=3600.0, tries_max=1)
    leaves = asyncio.create_task(desk.take(wait=WAIT_S))
    stays = asyncio.create_task(desk.take(wait=WAIT_S))
    await asyncio.sleep(0)
    leaves.cancel()
    await desk.put(b"1")
    assert [(row[2], row[3]) for row in await stays] == [(1, b"1")]
    with pytest.raises(asyncio.CancelledError):
        await leaves


@both
async def test_a_taker_that_leaves_while_it_is_served_takes_nothing_with_it(
    desk: Bed, durable: bool
) -> None:
    await desk.create(durable=durable, visible_s=3600.0, tries_max=1)
    await desk.put(b"1")
    served = desk.queues._desks["q"]
    (taken,) = await desk.take()
    leaves = asyncio.create_task(desk.take(wait=WAIT_S))
    stays = asyncio.create_task(desk.take(wait=WAIT_S))
    await asyncio.sleep(0)
    served.order.untake([cast("Any", served.order.is_taken(taken[0], taken[1]))])
    served._look()  # gives it to the first
    leaves.cancel()
    assert [(row[2], row[3]) for row in await stays] == [(1, b"1")]
    with pytest.raises(asyncio.CancelledError):
        await leaves


@both
async def test_who_asks_again_gets_what_it_got(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable)
    await desk.put(b"1", b"2", b"3")
    first = await desk.take(2, ask=7)
    assert await desk.take(2, ask=7) == first
    await desk.settle("ack", first[0])
    assert await desk.take(2, ask=7) == first[1:]
    lost = asyncio.create_task(desk.take(1, ask=9, wait=WAIT_S))
    assert len(await lost) == 1
    waits = asyncio.create_task(desk.take(1, ask=10, wait=WAIT_S))
    await asyncio.sleep(0)
    again = asyncio.create_task(desk.take(1, ask=10, wait=WAIT_S))
    assert await waits == [], "its answer would go to nobody"
    await desk.put(b"4")
    assert [row[3] for row in await again] == [b"4"]


@both
async def test_a_full_queue_takes_nothing_until_there_is_room(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable, messages_max=2, bytes_max=100)
    await desk.put(b"1", b"2")
    assert (await desk.put(b"3"))["full"] == [2, 2]
    assert (await desk.ask("room", count=1, size=1, wait=0.01))["room"] is False
    room = asyncio.create_task(desk.ask("room", count=1, size=1, wait=WAIT_S))
    (first, _) = await desk.take()
    assert (await desk.put(b"3"))["full"] == [2, 2], "what is taken is still there"
    await desk.settle("ack", first)
    assert (await room)["room"] is True
    assert "n" in await desk.put(b"3")
    assert "never fit" in (await raised(desk.put(b"x" * 101))).what
    assert (await desk.put(b"x" * 99))["full"] == [2, 2]


@both
async def test_what_is_tried_too_often_becomes_a_dead_letter(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable, visible_s=SOON_S, tries_max=2, dead_letters="dead")
    await desk.put(b"poison", b"good")
    poison, good = await desk.take()
    await desk.settle("ack", good)
    await desk.settle("give", poison)
    (again,) = await desk.take()
    (letter,) = await desk.rows(name="dead", wait=WAIT_S)
    assert (await desk.stats())["messages"] == 0
    assert letter[4:] == ("q", "not acknowledged in time in 2 of 2 tries", b"poison")
    assert await desk.settle("ack", again) == [again[0]]
    assert (await desk.stats())["dead"] == 1
    assert (await desk.stats("dead"))["messages"] == 1
    await desk.settle("ack", letter, name="dead")
    assert (await desk.stats("dead"))["messages"] == 0


@both
async def test_full_dead_letters_lose_nothing(desk: Bed, durable: bool) -> None:
    await desk.create("dead", durable=durable, messages_max=1, tries_max=0)
    await desk.create(durable=durable, visible_s=SOON_S, tries_max=1, dead_letters="dead")
    await desk.put(b"1", b"2")
    for taken in await desk.take():
        await desk.settle("give", taken)
    (letter,) = await desk.take(name="dead", wait=WAIT_S)
    assert letter[3] == b"1"
    assert (await desk.stats())["messages"] == 1
    assert await desk.take(wait=3 * SOON_S) == [], "nobody gets it once more"
    await desk.settle("ack", letter, name="dead")
    assert [row[3] for row in await desk.take(name="dead", wait=WAIT_S)] == [b"2"]


@both
async def test_without_dead_letters_it_is_dropped_and_counted(desk: Bed, durable: bool) -> None:
    await desk.create(durable=durable, tries_max=1)
    await desk.put(b"1")
    (taken,) = await desk.take()
    await desk.settle("give", taken)
    while (await desk.stats())["messages"]:
        await desk.ask("stats", wait=WAIT_S)
    assert (await desk.stats())["dropped"] == 1
    assert await desk.take() == []


@pytest.mark.parametrize("words", ["disk I/O error", "database or disk is full"])
async def test_a_disk_that_refuses_loses_nothing(
    tmp_path: Path, bad_disk: type[BadDisk], words: str
) -> None:
    desk = Bed(tmp_path)
    await desk.create(visible_s=60.0, tries_max=1, dead_letters="dead")
    await desk.put(b"1")
    bad_disk.words, bad_disk.refuse = words, 1
    assert isinstance(await raised(desk.put(b"2")), StoreError)
    (taken,) = await desk.take()
    bad_disk.refuse = 1
    assert isinstance(await raised(desk.settle("ack", taken)), StoreError)
    assert bad_disk.refused == 2
    assert (await desk.stats())["taken"] == 1
    assert await desk.settle("ack", taken) == [], "it may be said again"
    assert (await desk.stats())["messages"] == 0
    await desk.put(b"3")
    (taken,) = await desk.take()
    bad_disk.refuse = 1
    await desk.settle("give", taken)
    while (await desk.stats())["delayed"] != 1:
        await desk.ask("stats", wait=WAIT_S)
    assert bad_disk.refused == 3
    assert (await desk.stats("dead"))["messages"] == 0
    bad_disk.refuse = 1
    assert isinstance(await raised(desk.ask("delete")), StoreError)
    await desk.put(b"still there")
    assert [row[3] for row in await desk.take()] == [b"still there"]
    bad_disk.refuse = 1
    assert isinstance(await raised(desk.create("new")), StoreError)
    assert await desk.create("new")
    await desk.queues.close()


async def test_a_damaged_message_goes_to_the_dead_letters_and_no_other(tmp_path: Path) -> None:
    desk = Bed(tmp_path)
    await desk.create(dead_letters="dead")
    await desk.put(b"good 1", b"bad bytes", b"good 2")
    await desk.queues.close()
    data = bytearray((tmp_path / FILE_NAME).read_bytes())
    data[data.index(b"bad bytes")] ^= 1
    (tmp_path / FILE_NAME).write_bytes(data)
    again = Bed(tmp_path)
    assert [row[3] for row in await again.take()] == [b"good 1", b"good 2"]
    (letter,) = await again.rows(name="dead", wait=WAIT_S)
    assert letter[4] == "q"
    assert "not what was written" in letter[5]
    assert unpack(unpack_parts(letter[6])[0]) == b"cad bytes"
    assert (await again.stats())["messages"] == 2
    await again.queues.close()
