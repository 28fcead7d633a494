from __future__ import annotations

import asyncio

import pytest

from cantor.transport.busy_poll import GAP_COUNTED_MAX_S, GAP_S, PATIENCE, BusyPoll

EASY_S = 10 * GAP_COUNTED_MAX_S


class Time:
    """Seconds that pass with each look, and when the test says so."""

    def __init__(self) -> None:
        self.s = 100.0
        self.looks = 0

    def now(self) -> float:
        return self.s

    def look(self) -> None:
        self.looks += 1
        self.s += GAP_S / 10


async def asleep(poll: BusyPoll) -> None:
    """Let the loop turn until it is not kept awake."""
    before = -1
    while before != poll.looks:
        before = poll.looks
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.fixture
async def time() -> Time:
    return Time()


async def test_the_loop_sleeps_while_messages_are_rare(time: Time) -> None:
    poll = BusyPoll(time.now, time.look)

    for _ in range(50):
        time.s += 2 * GAP_S
        poll.arrived()
        await asleep(poll)

    assert time.looks == 0


async def test_it_stays_awake_once_they_come_thick_and_fast_and_no_longer(time: Time) -> None:
    poll = BusyPoll(time.now, time.look)
    for _ in range(20):
        time.s += GAP_S / 4
        poll.arrived()

    await asleep(poll)

    assert 0 < time.looks <= PATIENCE * 10 + 1
    assert poll.looks == time.looks


async def test_one_message_after_a_pause_keeps_nobody_awake(time: Time) -> None:
    poll = BusyPoll(time.now, time.look)
    for _ in range(20):
        time.s += GAP_S / 4
        poll.arrived()
    await asleep(poll)
    looks = time.looks

    time.s += EASY_S
    poll.arrived()
    await asleep(poll)

    assert time.looks == looks
