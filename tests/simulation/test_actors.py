"""Each call has one end, each actor one state; and a simulator that misses bugs proves nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation.actors import FAULTS, World, simulate
from tests.simulation.repeated import outputs

from cantor.base.errors import LocalProtocolError
from cantor.scheduling.actors.calling import Hearing
from cantor.scheduling.actors.keeping import Keeping
from cantor.scheduling.actors.ordering import Ordered
from cantor.scheduling.actors.records import Answered, LoseCall

if TYPE_CHECKING:
    from tests.simulation.actor_parts import Box, Living, State

    from cantor.scheduling.actors.keeping import _Actor
    from cantor.scheduling.actors.records import Event
    from cantor.scheduling.tasks.hosting import Key

pytestmark = pytest.mark.simulation
honest_forget = Hearing.forget
honest_report = World.report


def test_each_call_has_one_end_each_actor_one_state_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for seed in range(30):
        outcome = simulate(seed)
        fired += outcome.fired
        ends += outcome.ends
    assert ends["answered"] > 5000
    assert set(ends) == {
        "answered", "over", "cancelled", "lost", "died", "keeper lost", "line lost", "answer lost",
    }  # fmt: skip
    assert set(fired) == set(FAULTS)


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    program = "from tests.simulation.actors import simulate; print(simulate(3).digest)"
    assert len(outputs(program)) == 1


def report_of_any_life(
    world: World,
    box: Box,
    key: Key,
    event: Event,
    living: Living | None = None,
    state: State | None = None,
) -> None:
    """Two lives at once answer: nothing tells which one does."""
    if not isinstance(event, Answered):
        honest_report(world, box, key, event, living, state)
        return
    answered = event

    def hear(keeper: Box) -> None:
        node, attempt = keeper.keeping.where(key.task)
        if keeper.life == key.life and node is not None:
            world.of_life(keeper, replace(answered, node=node, attempt=attempt), state)

    world.send(box, key.node, hear)


def give_back_in_any_order(core: Keeping, actor: _Actor, begun: int, _: str) -> None:
    for call in actor.given.values():
        call.tries += call.place < begun
        if call.tries > call.retries:
            del core._calls[call.number]
            core._effects.append(LoseCall(call.number, "lost"))
        else:
            actor.waiting.append(call)
    actor.given.clear()
    actor.is_living, actor.places = False, 0


def lose_silently(core: Keeping, actor: _Actor, _: int, __: str) -> None:
    for call in actor.given.values():
        del core._calls[call.number]
    actor.given.clear()
    actor.is_living, actor.places = False, 0


def forget_what_waits(core: Hearing[Any], address: str) -> list[Any]:
    honest_forget(core, address)
    return []


def take_as_it_comes(line: Ordered[Any], place: int, item: object) -> list[object]:
    """Order is broken: whatever has not been here before is taken at once."""
    if place in line._early:
        return []
    line._early[place] = item
    line.next = max(line.next, place + 1)
    return [item]


def begin_without_state(world: World, box: Box, event: Any, state: Any) -> None:  # noqa: ANN401
    """The state of an answer is not kept."""
    del state
    world.tell(box, event)


PLANTED: dict[str, tuple[Any, str, Any, str]] = {
    "two lives at once answer": (
        World, "report", report_of_any_life, "lacks what was answered|in the state twice",
    ),
    "a lost life's calls go behind all others": (
        Keeping, "_fell", give_back_in_any_order, "out of order",
    ),
    "a call is lost silently": (Keeping, "_fell", lose_silently, "wait for ever"),
    "what waits behind a late call is forgotten": (
        Hearing, "forget", forget_what_waits, "wait for ever",
    ),
    "calls are taken as they come": (Ordered, "put", take_as_it_comes, "out of order|state"),
    "the state is not kept": (World, "of_life", begin_without_state, "lacks what was answered"),
}  # fmt: skip


def find_in_seeds() -> None:
    for seed in range(60):
        simulate(seed)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong, found = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(LocalProtocolError, match=found):
        find_in_seeds()
