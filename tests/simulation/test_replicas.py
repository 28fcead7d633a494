"""Nothing acknowledged is lost, all reads are true; a simulator that misses bugs proves nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import replicas
from tests.simulation.repeated import outputs
from tests.simulation.replica_parts import Box
from tests.simulation.replicas import FAULTS, simulate

from cantor.base.errors import LocalProtocolError
from cantor.replication.following import Following
from cantor.replication.ground import Ground
from cantor.replication.owner import Owner
from cantor.replication.records import NEVER, Kept
from cantor.replication.sessions import Sessions

if TYPE_CHECKING:
    from cantor.replication.events import Write
    from cantor.replication.records import Client, Members

pytestmark = pytest.mark.simulation
honest_store = Box.store
honest_answerable = Owner.answerable


def test_nothing_acknowledged_is_lost_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    operations = epochs = snapshots = 0
    for seed in range(9):
        outcome = simulate(seed)
        fired += outcome.fired
        operations += outcome.operations
        epochs += outcome.epochs
        snapshots += outcome.snapshots
    assert operations > 500
    assert epochs > 20
    assert snapshots > 10
    assert set(FAULTS) - set(fired) == set()
    assert {"refused: alone", "refused: elsewhere", "refused: doubt"} <= set(fired)


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    program = (
        "from tests.simulation.replicas import simulate; print(simulate(1, seconds=10).digest)"
    )
    assert len(outputs(program)) == 1


def store_without_promise(box: Box, write: Write) -> None:
    honest_store(box, write)
    box.kept = replace(box.kept, promised=NEVER)


def committed_by_count(owner: Owner) -> int:
    """An entry of any epoch counts when a majority has it."""
    ground = owner._ground
    seats = ground.log.members.seats
    matches = sorted(owner._match(seat) for seat in seats)
    index = min(matches[len(seats) - ground.log.members.majority], ground.disk.synced)
    for at, before in ground.log.changes(ground.committed):
        if len(before.seats) == 2:
            index = owner._as_two(before, at, index)
    return max(index, ground.committed)


def once_each_time(sessions: Sessions, client: Client, command: bytes) -> bytes:
    return sessions._machine.apply(command)


def answer_at_once(owner: Owner, _applied: int) -> list[int]:
    """Whatever this one has applied is told, whoever owns the group by now."""
    return honest_answerable(owner, 1 << 62)


def only_the_last(owner: Owner, before: Members, at: int, index: int) -> int:
    """What comes before the entry that names a third counts without the second."""
    both = min(map(owner._match, before.seats))
    return index if at > index or both >= at else at - 1


class SameBirth(replicas.World):
    """A node that has lost its log goes on as if nothing had happened."""

    def blank(self) -> Kept:
        node = next((box for box in self.boxes.values() if box.core is None), None)
        return super().blank() if node is None else Kept(node.kept.birth)


WRONG = "is two|not linearizable|lost|counts, and another|members differ|two own epoch"
PLANTED: dict[str, tuple[Any, str, Any]] = {
    "acknowledged before it is synced": (
        Following, "_match", property(lambda following: following._matched),
    ),
    "a former owner answers reads": (Owner, "_confirmed", lambda _: 1 << 62),
    "votes are forgotten": (Box, "store", store_without_promise),
    "entries of older epochs are counted": (Owner, "committed", committed_by_count),
    "a command that is tried again is done again": (Sessions, "_once", once_each_time),
    "reads do not wait for what is on its way": (Owner, "answerable", answer_at_once),
    "one of two sends what it has not synced": (
        Owner, "limit", property(lambda owner: owner._ground.log.last),
    ),
    "what is in doubt is read": (Ground, "is_in_doubt", property(lambda _: False)),
    "one of two is not told that there are three": (
        Owner, "_as_two", lambda _owner, _before, _at, index: index,
    ),
    "one of two is told only at the end that there are three": (Owner, "_as_two", only_the_last),
    "a lost log votes on": (replicas, "World", SameBirth),
}  # fmt: skip


def find_in_seeds(seeds: int = 200) -> int:
    for seed in range(seeds):
        simulate(seed)
    return seeds


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLANTED[bug])
    with pytest.raises(LocalProtocolError, match=WRONG):
        find_in_seeds()
