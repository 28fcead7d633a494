"""One fetch, message by message."""

from __future__ import annotations

import pytest

from cantor.base.ids import NodeId
from cantor.bundles.fetching.fetch import (
    AT_ONE_NODE_MAX,
    GIVE_UP_S,
    PATIENCE,
    REST_S,
    SILENT_S,
    UNDER_WAY_MAX,
    Done,
    Effect,
    Failed,
    Fetch,
    Keep,
    Say,
)
from cantor.bundles.fetching.manifest import Part
from cantor.bundles.fetching.messages import Absent, Chunk, Elsewhere, Soon

ME, ORIGIN, NEAR, FAR = (NodeId(letter * 32) for letter in "abcd")
DATA = [f"chunk {number}".encode() for number in range(3)]
PART = Part.of("w", DATA)


def asked(effects: list[Effect]) -> dict[int, tuple[NodeId, tuple[NodeId, ...]]]:
    """Who was asked for each chunk, and what was said to have been tried."""
    return {one.ask.chunk: (one.to, one.ask.tried) for one in effects if isinstance(one, Say)}


def begun(part: Part = PART) -> tuple[Fetch, list[Effect]]:
    fetch = Fetch(ME, part, 0.0)
    return fetch, fetch.start({ORIGIN: 1.0}, 0.0)


def chunk(number: int) -> Chunk:
    return Chunk(PART.id, number, DATA[number])


def test_every_chunk_is_asked_for_kept_and_then_it_is_done() -> None:
    fetch, effects = begun()

    assert set(asked(effects)) == {0, 1, 2}
    assert fetch.heard(ORIGIN, chunk(1), 1.0) == [Keep(1, DATA[1])]
    assert fetch.heard(ORIGIN, chunk(1), 1.0) == []
    assert fetch.heard(ORIGIN, chunk(0), 1.0) == [Keep(0, DATA[0])]
    assert fetch.missing == 1
    assert fetch.heard(ORIGIN, chunk(2), 1.0) == [Keep(2, DATA[2]), Done()]


def test_an_empty_blob_is_done_at_once() -> None:
    assert Fetch(ME, Part.of("", []), 0.0).start({}, 0.0) == [Done()]


def test_nodes_take_the_chunks_in_different_orders() -> None:
    part = Part.of("w", [bytes([number]) for number in range(50)])
    orders = {
        tuple(asked(Fetch(NodeId(letter * 32), part, 0.0).start({ORIGIN: 1.0}, 0.0)))
        for letter in "0123456789"
    }

    assert len(orders) == 10


def test_no_more_is_under_way_than_may_be_and_the_nearest_come_first() -> None:
    part = Part.of("w", [bytes([number]) for number in range(50)])
    effects = Fetch(ME, part, 0.0).start({ORIGIN: 50.0, NEAR: 1.0, FAR: 10.0}, 0.0)

    by_node = [node for node, _ in asked(effects).values()]

    assert len(by_node) == UNDER_WAY_MAX
    assert by_node.count(NEAR) == AT_ONE_NODE_MAX
    assert by_node.count(FAR) == AT_ONE_NODE_MAX
    assert by_node[0] == NEAR


def test_who_sends_other_bytes_is_asked_nothing_more() -> None:
    fetch, _ = begun()

    effects = fetch.heard(ORIGIN, Chunk(PART.id, 0, b"wrong"), 1.0)
    assert effects == []
    effects = fetch.start({FAR: 2.0}, 2.0)

    assert asked(effects) == {0: (FAR, (ORIGIN,))}
    assert all(to != ORIGIN for to, _ in asked(fetch.tick(30.0)).values())


def test_it_goes_where_it_is_sent_and_comes_back_when_that_is_in_vain() -> None:
    fetch, _ = begun()

    effects = fetch.heard(ORIGIN, Elsewhere(PART.id, 0, (NEAR, ME)), 1.0)
    assert asked(effects) == {0: (NEAR, ())}
    effects = fetch.heard(NEAR, Absent(PART.id, 0), 2.0)

    assert asked(effects) == {0: (ORIGIN, (NEAR,))}


def test_a_silent_node_is_left_and_asked_again_after_a_rest() -> None:
    fetch, _ = begun()

    assert asked(fetch.tick(SILENT_S - 1)) == {}
    assert asked(fetch.tick(SILENT_S)) == {}
    effects = fetch.tick(SILENT_S + REST_S)

    assert {to for to, _ in asked(effects).values()} == {ORIGIN}
    assert {tried for _, tried in asked(effects).values()} == {(ORIGIN,)}


def test_a_node_that_sends_other_chunks_is_not_silent() -> None:
    fetch, _ = begun()
    fetch.heard(ORIGIN, chunk(1), SILENT_S - 1)
    fetch.start({FAR: 9.0}, SILENT_S - 1)

    assert asked(fetch.tick(SILENT_S + 1)) == {}
    assert {to for to, _ in asked(fetch.tick(2 * SILENT_S)).values()} == {FAR}


def test_a_promise_is_waited_for_longer_and_not_for_ever() -> None:
    fetch, _ = begun()
    fetch.heard(ORIGIN, Elsewhere(PART.id, 0, (NEAR, FAR)), 1.0)
    fetch.heard(NEAR, Soon(PART.id, 0), 1.0)
    for number in (1, 2):
        fetch.heard(ORIGIN, chunk(number), 2.0)

    assert asked(fetch.tick(SILENT_S + 1.5)) == {}
    effects = fetch.tick(PATIENCE * SILENT_S + 1.0)

    assert asked(effects)[0][0] == ORIGIN
    assert set(asked(effects)[0][1]) == {NEAR, FAR}


def test_who_cannot_be_reached_is_left_at_once() -> None:
    fetch, _ = begun()
    fetch.start({FAR: 2.0}, 0.5)

    effects = fetch.gone(ORIGIN, 1.0)

    assert {to for to, _ in asked(effects).values()} == {FAR}


def test_it_gives_up_and_says_why() -> None:
    fetch, _ = begun()
    fetch.heard(ORIGIN, chunk(0), 1.0)

    (failed,) = fetch.tick(1.0 + GIVE_UP_S)

    assert isinstance(failed, Failed)
    assert failed.reason.startswith("2 of 3 chunks of w are missing: 1 nodes were asked in vain")
    assert fetch.heard(ORIGIN, chunk(1), 200.0) == []


@pytest.mark.parametrize(
    "answer",
    [
        Chunk(PART.id, 99, b""),
        Chunk("0" * 64, 0, DATA[0]),
        Elsewhere(PART.id, 0, (ME,)),
        Soon(PART.id, -1),
    ],
)
def test_answers_that_make_no_sense_do_no_harm(
    answer: Chunk | Elsewhere | Soon,
) -> None:
    fetch, _ = begun()

    effects = fetch.heard(FAR, answer, 1.0)

    assert not any(isinstance(effect, Keep) for effect in effects)
    assert fetch.missing == 3
