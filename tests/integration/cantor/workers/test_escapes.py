"""Code in a sandboxed worker tries to reach what is not its own, in more than forty ways.

Each attempt first shows, where that does no harm, that it works without a sandbox.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.escapes.trying import ATTEMPTS, agent_to_reach, closed, outcome

import cantor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cantor.workers.escapes.attempt import Attempt

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, str | int]]:
    with agent_to_reach() as told:
        yield told


@pytest.fixture(scope="module")
def opened() -> Iterator[cantor.local]:
    with cantor.local(workers=1) as here:
        yield here


@pytest.fixture(scope="module")
def inside(told: dict[str, str | int]) -> Iterator[cantor.local]:
    with cantor.local(workers=1, sandbox=closed(told)) as here:
        yield here


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[one.name for one in ATTEMPTS])
def test_nothing_is_reached_from_a_full_sandbox(
    attempt: Attempt,
    opened: cantor.local,
    inside: cantor.local,
    told: dict[str, str | int],
) -> None:
    can_prove = attempt.proof == "anybody" or (attempt.proof == "root" and os.geteuid() == 0)
    if can_prove:
        reached = outcome(opened, attempt, told)
        assert isinstance(reached, str), f"without a sandbox: {reached}"

    assert isinstance(outcome(inside, attempt, told), OSError)


def test_there_are_enough_attempts() -> None:
    assert len(ATTEMPTS) >= 40
    assert len({one.name for one in ATTEMPTS}) == len(ATTEMPTS)
