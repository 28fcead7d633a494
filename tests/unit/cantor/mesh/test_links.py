from __future__ import annotations

import pytest

from cantor.base.ids import NodeId
from cantor.mesh.cost import LinkCost
from cantor.mesh.links import ACTIVE_FOR_S, BEAT_ACTIVE_S, BEAT_IDLE_S, BEATS_MISSED_MAX, Link


def link() -> Link:
    return Link(NodeId("b" * 32), "n", True, LinkCost(), silent_at=1.5, data_at=0.0)


def test_a_link_that_has_become_idle_puts_off_no_more_than_it_had_promised() -> None:
    ours, now = link(), ACTIVE_FOR_S - 0.05
    promised_s = ours.beat(now)
    assert promised_s == BEAT_ACTIVE_S
    now = ACTIVE_FOR_S + 0.01
    assert ours.beat_s(now) == BEAT_IDLE_S
    assert not ours.is_to_answer(now)
    assert ours.beat_at < now + 2 * BEAT_ACTIVE_S


def test_a_peer_is_waited_for_as_it_promises_with_the_very_beat_that_says_so() -> None:
    ours = link()
    ours.promised(BEAT_ACTIVE_S, 9.0)
    assert ours.silent_at < 10.0
    ours.promised(BEAT_IDLE_S, 9.2)
    assert ours.silent_at > 9.2 + BEATS_MISSED_MAX * BEAT_IDLE_S


@pytest.mark.parametrize("every_s", [0.11, 0.15, 0.2, 0.3])
def test_heartbeats_that_come_early_put_an_answer_off_once(every_s: float) -> None:
    ours, answered_at = link(), 0.0
    for step in range(50):
        now = step * every_s
        if ours.is_to_answer(now):
            ours.beat(now, is_answer=True)
            answered_at = now
        assert now - answered_at <= every_s
