"""Each task has one result, whatever happens; and a simulator that misses bugs proves nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation.attempts import FAULTS, Box, World, simulate
from tests.simulation.repeated import outputs

from cantor.base.errors import LocalProtocolError
from cantor.scheduling.tasks.dispatch import Dispatch
from cantor.scheduling.tasks.hosting import Hosting
from cantor.scheduling.tasks.records import Commit

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.scheduling.tasks.hosting import Effect, Key

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.simulation
honest_asked = Hosting.asked
honest_carry_out = World.carry_out


def test_each_task_has_one_end_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for seed in range(30):
        outcome = simulate(seed)
        fired += outcome.fired
        ends += outcome.ends
    assert ends["committed"] > 5000
    assert set(ends) == {"committed", "cancelled", "expired", "lost"}
    assert set(fired) == set(FAULTS)


@pytest.mark.parametrize("seed", [155, 472])
def test_seeds_in_which_a_task_waited_for_nobody_end(seed: int) -> None:
    simulate(seed)


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    program = "from tests.simulation.attempts import simulate; print(simulate(3).digest)"
    assert len(outputs(program)) == 1


def commit_whatever_comes(core: Dispatch, _: NodeId, number: int, attempt: int, __: float) -> None:
    """Also what a former attempt tells late, or twice."""
    core._tasks.pop(number, None)
    core._effects.append(Commit(number, attempt))


def ask_in_any_life(core: Hosting, key: Key, _: int) -> list[Effect]:
    return honest_asked(core, key, core.life)


def end_without_a_word(world: World, box: Box, effects: list[Effect], *, say: bool = False) -> None:
    del say
    honest_carry_out(world, box, effects)


PLANTED: dict[str, tuple[Any, str, Any, str]] = {
    "late results count": (Dispatch, "_ended", commit_whatever_comes, "ended twice"),
    "doubled messages begin twice": (
        Hosting, "_is_new", staticmethod(lambda *_: True), "begun twice",
    ),
    "a life is as good as another": (Hosting, "asked", ask_in_any_life, "begun twice"),
    "who may run once is tried again": (
        Dispatch, "_may_try_again", lambda *_: True, "begun twice",
    ),
    "nothing is called off": (Hosting, "called_off", lambda *_: [], "nobody wants"),
    "submitters are not told": (World, "carry_out", end_without_a_word, "wait for ever"),
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
