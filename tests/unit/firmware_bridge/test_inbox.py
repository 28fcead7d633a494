"""Events come in order, on the loop, and never more than may wait."""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from firmware_bridge.events import MQTT, Event, LinkDown, LinkUp, Overflowed, Received
from firmware_bridge.inbox import BATCH_MAX, Inbox


async def turns(inbox_is_empty: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await inbox_is_empty.wait()


async def test_events_of_a_thread_come_in_order() -> None:
    taken: list[Event] = []
    done = asyncio.Event()
    count = 3 * BATCH_MAX

    def take(event: Event) -> None:
        taken.append(event)
        if len(taken) == count:
            done.set()

    inbox = Inbox(asyncio.get_running_loop(), take, 10_000)
    sent = [Received(MQTT, str(number), b"") for number in range(count)]
    thread = threading.Thread(target=lambda: deque(map(inbox.put, sent)))
    thread.start()
    await turns(done)
    thread.join()

    assert taken == sent


async def test_messages_beyond_the_limit_are_dropped_and_told() -> None:
    taken: list[Event] = []
    inbox = Inbox(asyncio.get_running_loop(), taken.append, 2)

    for number in range(5):
        inbox.put(Received(MQTT, str(number), b""))
    inbox.put(LinkDown(MQTT, "gone"))
    await asyncio.sleep(0)

    first, second, down, overflow = taken
    assert [first, second] == [Received(MQTT, "0", b""), Received(MQTT, "1", b"")]
    assert down == LinkDown(MQTT, "gone")
    assert overflow == Overflowed(MQTT, 3)


async def test_after_its_end_nothing_comes() -> None:
    taken: list[Event] = []
    inbox = Inbox(asyncio.get_running_loop(), taken.append, 2)

    inbox.put(LinkUp(MQTT))
    inbox.close()
    inbox.put(LinkUp(MQTT))
    await asyncio.sleep(0)

    assert taken == []
