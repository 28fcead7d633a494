"""The checker itself: it takes what can be explained and nothing else."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import pytest
from tests.simulation.linearizability import (
    UNKNOWN,
    Model,
    Operation,
    Queue,
    Register,
    check,
    check_one,
)

from cantor.base.errors import LocalProtocolError

pytestmark = pytest.mark.simulation
MODELS: dict[str, Model] = {"key": Register(), "queue": Queue()}


def op(name: str, arguments: tuple[Any, ...], span: tuple[float, float], answer: Any) -> Operation:  # noqa: ANN401
    return Operation("key:k" if name in ("read", "write", "cas") else "queue:q", name, arguments,
                     *span, answer)  # fmt: skip


GOOD = {
    "one after the other": [
        op("write", (1,), (0, 1), True), op("read", (), (2, 3), 1),
    ],
    "two at once, seen in either order": [
        op("write", (1,), (0, 9), True), op("write", (2,), (0, 9), True),
        op("read", (), (1, 2), 2), op("read", (), (3, 4), 1),
    ],
    "not answered, done later": [
        op("write", (1,), (0, math.inf), UNKNOWN), op("read", (), (1, 2), None),
        op("read", (), (3, 4), 1),
    ],
    "a queue in the order of its puts": [
        op("put", ("a",), (0, 1), True), op("put", ("b",), (2, 3), True),
        op("take", (), (4, 5), "a"), op("ack", ("a",), (6, 7), True), op("take", (), (8, 9), "b"),
    ],
    "given back to the head": [
        op("put", ("a",), (0, 1), True), op("put", ("b",), (2, 3), True),
        op("take", (), (4, 5), "a"), op("give", ("a",), (6, 7), True), op("take", (), (8, 9), "a"),
    ],
}  # fmt: skip
BAD = {
    "an old value": [
        op("write", (1,), (0, 1), True), op("write", (2,), (2, 3), True),
        op("read", (), (4, 5), 1),
    ],
    "back and forth": [
        op("write", (1,), (0, 1), True), op("write", (2,), (1, 9), True),
        op("read", (), (2, 3), 2), op("read", (), (4, 5), 1),
    ],
    "two that both exchange": [
        op("write", (1,), (0, 1), True), op("cas", (1, 2), (2, 5), True),
        op("cas", (1, 3), (2, 5), True),
    ],
    "one that fails though nothing else was there": [
        op("write", (1,), (0, 1), True), op("cas", (1, 2), (2, 3), False),
    ],
    "taken twice": [
        op("put", ("a",), (0, 1), True), op("take", (), (2, 5), "a"), op("take", (), (2, 5), "a"),
    ],
    "out of order": [
        op("put", ("a",), (0, 1), True), op("put", ("b",), (2, 3), True),
        op("take", (), (4, 5), "b"),
    ],
    "lost": [op("put", ("a",), (0, 1), True), op("take", (), (2, 3), None)],
    "confirmed twice": [
        op("put", ("a",), (0, 1), True), op("take", (), (2, 3), "a"),
        op("ack", ("a",), (4, 5), True), op("ack", ("a",), (6, 7), True),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_explained_is_taken(name: str) -> None:
    assert check(GOOD[name], MODELS) == len(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_explained_is_found(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="not linearizable"):
        check(BAD[name], MODELS)


def is_explained(operations: list[Operation], model: Model) -> bool:
    """Try all orders: slow and plain."""
    for order in itertools.permutations(operations):
        late = -math.inf
        state: Any = model.initial
        for one in order:
            late = max(late, one.start)
            state, answer = model.step(state, one.name, one.arguments)
            if late > one.end or answer != one.answer:
                break
        else:
            return True
    return False


@pytest.mark.parametrize("key", ["key:k", "queue:q"])
def test_it_says_what_trying_all_orders_says(key: str) -> None:
    said = {True: 0, False: 0}
    for seed in range(300):
        random = Random(seed)  # noqa: S311 (a seed gives the same run)
        some = [random_operation(random, key) for _ in range(random.randrange(2, 6))]
        model = MODELS[key.partition(":")[0]]
        expected = is_explained(some, model)
        said[expected] += 1
        try:
            check_one(key, some, model)
            found = True
        except LocalProtocolError:
            found = False
        assert found == expected, [str(one) for one in some]
    assert min(said.values()) > 20


def random_operation(random: Random, key: str) -> Operation:
    start = random.random()
    end = start + random.random()
    if key.startswith("key"):
        name = random.choice(["read", "write", "cas"])
        arguments: tuple[Any, ...] = {"read": (), "write": (random.randrange(2),)}.get(
            name, (random.randrange(2), random.randrange(2))
        )
        answer: Any = random.choice([None, 0, 1]) if name == "read" else True
        if name == "cas":
            answer = random.random() < 0.5
    else:
        name = random.choice(["put", "take", "ack"])
        item: tuple[Any, ...] = (random.choice("ab"),)
        arguments = () if name == "take" else item
        answer = random.choice([None, "a", "b"]) if name == "take" else random.random() < 0.7
        answer = True if name == "put" else answer
    return Operation(key, name, arguments, start, end, answer)
