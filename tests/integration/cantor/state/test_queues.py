"""Queues of real agents: from scripts, from tasks, over the mesh, with programs that are killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until

import cantor
from cantor import aio
from cantor.base.errors import (
    ConfigError,
    ConflictError,
    NotFoundError,
    NotSerialisable,
    UnavailableError,
)
from cantor.bundles.known import Known
from cantor.bundles.objects import Record
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.state.messages import Message

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[4]
ROLES = Path(__file__).with_name("queue_roles.py")
FOR_OTHERS = ("--workers", "1", "--code-run", "tenant")
WAIT_S = 30.0


@dataclass
class Order:
    number: int
    parts: set[str]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", *FOR_OTHERS, "--resource", "Wall==1")
        boxes.until_known("desk", "desk", "wall")
        boxes.until_known("wall", "wall")
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
def desk(boxes: Boxes) -> Iterator[None]:
    with cantor.connect(boxes["desk"].folder):
        yield


class Program:
    """One of the roles."""

    def __init__(self, role: str, box: Path, node: str, queue: str, journal: Path) -> None:
        self.journal = journal
        self.process = subprocess.Popen(
            [sys.executable, str(ROLES), role, str(box), node, queue, str(journal), "0"],
            env={"PYTHONPATH": str(ROOT)},
        )

    def notes(self, what: str) -> list[str]:
        text = self.journal.read_text() if self.journal.exists() else ""
        return [line.split()[2] for line in text.splitlines() if line.split()[1] == what]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)


def next_of(queue: cantor.queue) -> Message:
    (message,) = queue.take(wait_s=WAIT_S)
    return message


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("node", ["", "wall"])
@pytest.mark.parametrize("durable", [True, False])
def test_values_come_back_as_they_were_and_in_order(node: str, durable: bool) -> None:
    values: list[Any] = [None, {"speed": 12, 3: (1, 2)}, {1, 2}, b"x" * 200_000, Order(7, {"a"})]
    queue = cantor.queue(f"values {durable}", node, types=Known(Order))
    assert queue.create(durable=durable)
    assert not queue.create(durable=durable), "it is there already"
    ids = [queue.put(values[0]), *queue.put_all([*values[1:], np.arange(6, dtype=np.uint8)])]
    messages = [next_of(queue) for _ in ids]
    assert [message.id for message in messages] == ids
    assert [message.value for message in messages[:-1]] == values
    assert np.array_equal(messages[-1].value, np.arange(6))
    assert all(message.tries == 1 for message in messages)
    assert all(abs(message.put_at - time.time()) < 100 for message in messages)
    queue.ack_all(messages)
    assert queue.take() == []
    assert (queue.stats().messages, queue.stats().done) == (0, 6)
    queue.put(Order(1, set()))
    assert isinstance(next_of(cantor.queue(f"values {durable}", node)).value, Record)
    assert f"values {durable}" in [one.name for one in cantor.queues(node)]


@pytest.mark.usefixtures("desk")
def test_a_loop_acknowledges_what_ends_well_and_gives_back_the_rest() -> None:
    queue = cantor.queue("loop", "wall")
    queue.create(tries_max=0)
    queue.put_all(range(7))
    seen: list[int] = []

    def until_two() -> None:
        for message in queue:
            seen.append(message.value)
            1 / (2 - message.value)

    with pytest.raises(ZeroDivisionError):
        until_two()
    for message in queue.messages(count=3):
        seen.append(message.value)
        if message.value == 4:
            break
    assert seen == [0, 1, 2, 2, 3, 4]
    until(lambda: queue.stats().taken == 0)
    with pytest.raises(ValueError, match="not that one"), next_of(queue) as message:
        raise ValueError("not that one")
    with next_of(queue) as message:
        assert (message.value, message.tries) == (4, 3)
    for message in queue.messages(count=10):
        seen.append(message.value)
        message.ack()
        if message.value == 6:
            break
    assert seen[6:] == [5, 6]
    assert queue.stats().messages == 0


def test_coroutines_do_the_same(boxes: Boxes) -> None:
    async def run() -> list[int]:
        queue = aio.queue("async", "wall")
        assert await queue.create(durable=False)
        seen: list[int] = []

        async def work() -> None:
            async for message in queue.messages(count=4):
                if message.value is None:
                    await message.ack()
                    return
                seen.append(message.value)

        working = asyncio.create_task(work())
        await asyncio.gather(*(queue.put(number) for number in range(20)))
        await queue.put_all(range(20, 30))
        await queue.put(None)
        await working
        assert await queue.take() == []
        await queue.put("given back")
        (one,) = await queue.take(wait_s=WAIT_S)
        await one.give_back()
        (one,) = await queue.take(wait_s=WAIT_S)
        async with one:
            assert one.tries == 2
        assert "async" in [stats.name for stats in await aio.queues("wall")]
        assert (await queue.stats()).messages == 0
        assert await queue.delete()
        return seen

    with cantor.connect(boxes["desk"].folder):
        assert sorted(asyncio.run(run())) == list(range(30))


def pass_on(node: str) -> int:
    source, target = cantor.queue("source", node), cantor.queue("target", node)
    (message,) = source.take(wait_s=WAIT_S)
    target.put(message.value + 1)
    message.ack()
    return int(message.value)


@pytest.mark.usefixtures("desk")
def test_tasks_use_queues_too_also_closed_ones_of_other_nodes() -> None:
    for name in ("source", "target"):
        cantor.queue(name, "desk").create()
    cantor.queue("source", "desk").put_all([1, 11])
    assert cantor.task(pass_on).submit("desk").result() == 1
    assert cantor.task(needs="Wall == 1")(pass_on).submit("desk").result() == 11
    target = cantor.queue("target", "desk")
    assert [message.value for message in target.take(count=5)] == [2, 12]


@pytest.mark.usefixtures("desk")
def test_a_late_acknowledgement_is_refused_and_harms_nobody() -> None:
    queue = cantor.queue("late", "wall")
    queue.create(visible_s=0.3)
    queue.put("job")
    late, again = next_of(queue), next_of(queue)
    assert (late.id, late.tries, again.tries) == (again.id, 1, 2)
    for settle in (late.ack, late.give_back, lambda: late.extend(5)):
        with pytest.raises(ConflictError, match="no longer with this taker"):
            settle()
    again.extend(30)
    again.ack()
    with pytest.raises(ConflictError):
        again.ack()


@pytest.mark.usefixtures("desk")
def test_dead_letters_say_where_they_come_from_and_why() -> None:
    queue, dead = cantor.queue("jobs", "wall"), cantor.queue("jobs dead", "wall")
    queue.create(tries_max=2, dead_letters="jobs dead")
    queue.put("poison")
    for _ in range(2):
        next_of(queue).give_back()
    letter = next_of(dead)
    assert (letter.value, letter.source) == ("poison", "jobs")
    assert letter.why == "given back in 2 of 2 tries"
    letter.ack()
    assert (queue.stats().messages, queue.stats().dead) == (0, 1)


@pytest.mark.usefixtures("desk")
def test_a_full_queue_says_so_or_lets_wait_for_room() -> None:
    queue = cantor.queue("full", "wall")
    queue.create(messages_max=3)
    queue.put_all(range(3))
    with pytest.raises(StoreError, match="full"):
        queue.put(3)
    with pytest.raises(StoreError, match="full"):
        queue.put(3, wait_s=0.2)
    ids: list[str] = []
    waiting = threading.Thread(target=lambda: ids.append(queue.put(3, wait_s=WAIT_S)))
    waiting.start()
    next_of(queue).ack()
    waiting.join()
    assert [message.value for message in queue.take(count=5)] == [1, 2, 3]
    assert len(ids) == 1


@pytest.mark.usefixtures("desk")
def test_what_is_wrong_is_told_to_who_asks() -> None:
    with pytest.raises(NotFoundError, match="no such queue"):
        cantor.queue("nowhere", "wall").put(1)
    queue = cantor.queue("wrong", "wall")
    queue.create()
    with pytest.raises(ConflictError, match="visible_s is 30"):
        queue.create(visible_s=2)
    with pytest.raises(NotSerialisable, match="lock"):
        queue.put(threading.Lock())
    with pytest.raises(NotSerialisable, match="limit 1"):
        queue.put(b"x" * 1_100_000)
    with pytest.raises(ConfigError, match="from 1 to"):
        cantor.queue("other", "wall").create(messages_max=0)
    with pytest.raises(ConfigError, match="a time"):
        queue.put(1, delay_s=-1)
    with pytest.raises(ConfigError):
        cantor.queue("a\nb").create()
    assert queue.stats().messages == 0
    assert queue.delete()
    assert not queue.delete()


def test_without_a_mesh_it_says_so() -> None:
    with pytest.raises(UnavailableError, match="connect"):
        cantor.queue("jobs").put(1)
    with cantor.local(workers=1), pytest.raises(UnavailableError, match="connect"):
        cantor.queue("jobs").take()


@pytest.mark.usefixtures("desk")
def test_a_program_that_is_killed_while_it_waits_takes_no_message_with_it(
    boxes: Boxes, tmp_path: Path
) -> None:
    queue = cantor.queue("here")
    queue.create(visible_s=3600, tries_max=1)
    program = Program("poll", boxes["desk"].folder, "", "here", tmp_path / "notes")
    try:
        until(lambda: queue.stats().takers == 1)
    finally:
        program.kill()
    until(lambda: queue.stats().takers == 0)
    queue.put("for whoever is there")
    message = next_of(queue)
    assert (message.value, message.tries) == ("for whoever is there", 1)


@pytest.mark.usefixtures("desk")
def test_what_a_killed_program_has_taken_comes_again(boxes: Boxes, tmp_path: Path) -> None:
    queue = cantor.queue("killed", "wall")
    queue.create(visible_s=1.5)
    program = Program("poll", boxes["desk"].folder, "wall", "killed", tmp_path / "notes")
    try:
        until(lambda: queue.stats().takers == 1)
        program.process.send_signal(signal.SIGSTOP)
        queue.put("job")
        until(lambda: queue.stats().taken == 1)
    finally:
        program.kill()
    assert program.notes("took") == []
    message = next_of(queue)
    assert (message.value, message.tries) == ("job", 2)


@pytest.mark.usefixtures("desk")
def test_who_never_reads_blocks_nobody_and_costs_nothing(boxes: Boxes, tmp_path: Path) -> None:
    """Programs that stand still in the middle of a question, and loops that nobody goes on with."""
    queue = cantor.queue("others", "wall")
    queue.create(visible_s=2)
    programs = [
        Program("poll", boxes["desk"].folder, "wall", "others", tmp_path / f"notes{number}")
        for number in range(3)
    ]
    try:
        until(lambda: queue.stats().takers == 3)
        for program in programs:
            program.process.send_signal(signal.SIGSTOP)
        idle = [queue.messages() for _ in range(1000)]
        queue.put_all(range(2000))
        seen: set[int] = set()
        while len(seen) < 1997:
            messages = queue.take(count=500, wait_s=WAIT_S)
            queue.ack_all(messages)
            seen |= {message.value for message in messages}
        assert queue.stats().takers == 0, "nothing is kept for who does not ask"
        while len(seen) < 2000:
            message = next_of(queue)
            assert message.tries == 2
            seen.add(message.value)
            message.ack()
        assert seen == set(range(2000))
        assert len(idle) == 1000
    finally:
        for program in programs:
            program.kill()
