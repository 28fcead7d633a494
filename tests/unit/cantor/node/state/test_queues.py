"""Queues of nodes in memory: takers that wait or leave, dead letters, full queues, bad disks."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgpack
import pytest
from tests.bed.bad_disk import BadDisk

from cantor.base.errors import (
    CantorError,
    ConfigError,
    ConflictError,
    NotFoundError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.base.ids import NodeId
from cantor.bundles.values import unpack
from cantor.node.fake import FakeMesh
from cantor.node.state import queues as queues_module
from cantor.node.state.queues import Queues
from cantor.node.state.wording import Answer, Question
from cantor.stores import queue_store
from cantor.stores.errors import StoreError
from cantor.stores.packed import pack_parts, unpack_parts
from cantor.stores.queue_records import FILE_NAME, QueueTerms
from cantor.stores.queue_store import QueueStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from cantor.node.fake import FakeNode

ASH = NodeId("a" * 32)
SOON_S, WAIT_S = 0.1, 20.0
Row = tuple[int, int, int, bytes]
"""Number, take, tries, body."""


class Desk:
    """The queues of one node; ``q`` is asked when no other is named."""

    def __init__(self, folder: Path) -> None:
        self.node: FakeNode = FakeMesh().add(ASH, folder)
        self.queues = Queues(self.node)
        self.asks = iter(range(1, 1000))

    async def ask(self, operation: str, *parts: bytes, wait: float = 0.0, **args: Any) -> Any:  # noqa: ANN401
        question = Question(operation, {"b": "q", **args, "wait": wait}, parts, ASH)
        told = self.queues.answer(question)
        return (told if isinstance(told, Answer) else await told).headers

    async def create(self, name: str = "q", **terms: Any) -> bool:  # noqa: ANN401
        headers = await self.ask("create", b=name, terms=QueueTerms(**terms).as_value())
        return headers["made"] is True

    async def put(self, *bodies: bytes, name: str = "q", delay: float = 0.0) -> Any:  # noqa: ANN401
        return await self.ask("put", pack_parts(bodies), b=name, delay=delay)

    async def take(
        self, most: int = 10, *, wait: float = 0.0, name: str = "q", ask: int = 0
    ) -> list[Row]:
        return [(n, take, tries, body) for n, take, tries, *_, body in
                await self.rows(most, wait=wait, name=name, ask=ask)]  # fmt: skip

    async def rows(
        self, most: int = 10, *, wait: float = 0.0, name: str = "q", ask: int = 0
    ) -> list[Any]:
        args = {"b": name, "count": most, "ask": ask or next(self.asks), "wait": wait}
        told = self.queues.answer(Question("take", cast("Any", args), (), ASH))
        answer = told if isinstance(told, Answer) else await told
        rows = cast("list[Any]", answer.headers["rows"])
        bodies = unpack_parts(answer.parts[0])
        return [(*row, body) for row, body in zip(rows, bodies, strict=True)]

    async def settle(self, verb: str, *rows: Row, name: str = "q", s: float = 0.0) -> list[int]:
        durable = self.queues._desks[name].terms.durable
        of = (self.queues._open() if durable else self.queues._memory).id
        takes = [[row[0], row[1]] for row in rows]
        headers = await self.ask(verb, b=name, of=of, m=takes, s=s)
        return cast("list[int]", headers["refused"])

    async def stats(self, name: str = "q") -> dict[str, int]:
        return cast("dict[str, int]", (await self.ask("stats", b=name))["stats"])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.queues.close()


@pytest.fixture
def bad_disk(monkeypatch: pytest.MonkeyPatch) -> type[BadDisk]:
    BadDisk.reset()
    monkeypatch.setattr(queue_store, "QueueStore", partial(QueueStore, connect=BadDisk.open))
    return BadDisk


both = pytest.mark.parametrize("durable", [True, False])


async def raised(asked: Awaitable[object]) -> CantorError:
    try:
        await asked
    except CantorError as error:
        return error
    raise AssertionError("nothing was raised")


@both
async def test_messages_come_in_order_once_and_leave_when_acknowledged(
    desk: Desk, durable: bool
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
async def test_what_is_not_acknowledged_in_time_comes_again(desk: Desk, durable: bool) -> None:
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
async def test_what_is_given_back_comes_at_once_or_when_it_shall(desk: Desk, durable: bool) -> None:
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
async def test_a_delayed_message_waits_and_lets_others_pass(desk: Desk, durable: bool) -> None:
    await desk.create(durable=durable)
    await desk.put(b"later", delay=SOON_S)
    await desk.put(b"now")
    assert [row[3] for row in await desk.take()] == [b"now"]
    assert [row[3] for row in await desk.take(wait=WAIT_S)] == [b"later"]


@both
async def test_who_waits_longest_is_served_first(desk: Desk, durable: bool) -> None:
    await desk.create(durable=durable)
    waiting = [asyncio.create_task(desk.take(1, wait=WAIT_S)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (await desk.stats())["takers"] == 3
    await desk.put(b"1", b"2", b"3")
    assert [(await one)[0][3] for one in waiting] == [b"1", b"2", b"3"]


@both
async def test_a_taker_that_leaves_takes_nothing_with_it(desk: Desk, durable: bool) -> None:
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
    desk: Desk, durable: bool
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
async def test_who_asks_again_gets_what_it_got(desk: Desk, durable: bool) -> None:
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
async def test_a_full_queue_takes_nothing_until_there_is_room(desk: Desk, durable: bool) -> None:
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
async def test_what_is_tried_too_often_becomes_a_dead_letter(desk: Desk, durable: bool) -> None:
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
async def test_full_dead_letters_lose_nothing(desk: Desk, durable: bool) -> None:
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
async def test_without_dead_letters_it_is_dropped_and_counted(desk: Desk, durable: bool) -> None:
    await desk.create(durable=durable, tries_max=1)
    await desk.put(b"1")
    (taken,) = await desk.take()
    await desk.settle("give", taken)
    while (await desk.stats())["messages"]:
        await desk.ask("stats", wait=WAIT_S)
    assert (await desk.stats())["dropped"] == 1
    assert await desk.take() == []


@both
async def test_a_queue_is_made_once_and_with_the_same_terms(desk: Desk, durable: bool) -> None:
    made = await asyncio.gather(*(desk.create(durable=durable, tries_max=3) for _ in range(3)))
    assert sorted(made) == [False, False, True]
    error = await raised(desk.create(durable=durable, tries_max=4))
    assert isinstance(error, ConflictError)
    assert "tries_max is 3, not 4" in error.what
    assert isinstance(await raised(desk.create(durable=not durable)), ConflictError)
    error = await raised(desk.create("r", durable=not durable, dead_letters="q"))
    assert "not as durable" in error.what


@both
async def test_a_queue_that_is_deleted_is_gone_with_its_messages(desk: Desk, durable: bool) -> None:
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
    desk = Desk(tmp_path)
    await desk.create(visible_s=3600.0)
    await desk.create("lost", durable=False)
    await desk.put(*[bytes([number]) for number in range(6)])
    await desk.put(b"later", delay=3000.0)
    done, lost, held = await desk.take(3)
    await desk.settle("ack", done)
    await desk.settle("give", lost)
    await desk.queues.close()

    again = Desk(tmp_path)
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
    desk = Desk(tmp_path)
    await desk.create()
    await desk.put(b"1")
    (held,) = await desk.take()
    again = Desk(tmp_path)  # the file as a kill leaves it: the take was not written yet
    (taken,) = await again.take()
    assert (taken[0], taken[2]) == (held[0], 1)
    assert await again.settle("ack", held) == [held[0]], "it has another take"
    assert await again.settle("ack", taken) == []
    await again.queues.close()
    await desk.queues.close()


@pytest.mark.parametrize("words", ["disk I/O error", "database or disk is full"])
async def test_a_disk_that_refuses_loses_nothing(
    tmp_path: Path, bad_disk: type[BadDisk], words: str
) -> None:
    desk = Desk(tmp_path)
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
    desk = Desk(tmp_path)
    await desk.create(dead_letters="dead")
    await desk.put(b"good 1", b"bad bytes", b"good 2")
    await desk.queues.close()
    data = bytearray((tmp_path / FILE_NAME).read_bytes())
    data[data.index(b"bad bytes")] ^= 1
    (tmp_path / FILE_NAME).write_bytes(data)
    again = Desk(tmp_path)
    assert [row[3] for row in await again.take()] == [b"good 1", b"good 2"]
    (letter,) = await again.rows(name="dead", wait=WAIT_S)
    assert letter[4] == "q"
    assert "not what was written" in letter[5]
    assert unpack(unpack_parts(letter[6])[0]) == b"cad bytes"
    assert (await again.stats())["messages"] == 2
    await again.queues.close()


async def test_takers_hear_that_the_node_ends(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.create()
    waits = asyncio.create_task(desk.take(wait=WAIT_S))
    await asyncio.sleep(0)
    await desk.queues.close()
    assert isinstance(await raised(waits), UnavailableError)
    assert isinstance(await raised(desk.put(b"1")), UnavailableError)


async def test_a_node_keeps_so_much_and_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    desk: Desk, operation: str, parts: tuple[bytes, ...], args: dict[str, Any]
) -> None:
    await desk.create()
    error = await raised(desk.ask(operation, *parts, **{"b": "q", **args}))
    assert isinstance(error, (RemoteProtocolError, ConfigError))
    assert (await desk.stats())["put"] == 0


async def test_a_take_of_another_shelf_is_refused(desk: Desk) -> None:
    await desk.create(durable=False)
    await desk.put(b"1")
    (taken,) = await desk.take()
    told = await desk.ask("ack", of="0" * 16, m=[[taken[0], taken[1]]])
    assert told["refused"] == [taken[0]]
