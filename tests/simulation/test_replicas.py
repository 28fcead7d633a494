"""Nothing acknowledged is lost, all reads are true; a simulator that misses bugs proves nothing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import replicas
from tests.simulation.linearizability import Operation, check
from tests.simulation.repeated import outputs
from tests.simulation.replica_parts import MODELS, Box
from tests.simulation.replica_steps import SETTINGS, A, B, C, Group
from tests.simulation.replicas import FAULTS, simulate

from cantor.base.errors import CantorError, LocalProtocolError, RemoteProtocolError
from cantor.replication.events import Unreachable
from cantor.replication.following import Following
from cantor.replication.ground import Ground
from cantor.replication.messages import Ack, Append, Ask
from cantor.replication.owner import Owner
from cantor.replication.records import NEVER, Kept
from cantor.replication.sessions import Sessions

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.replication.events import Write
    from cantor.replication.messages import Letter
    from cantor.replication.records import Client, Members

pytestmark = pytest.mark.simulation
honest_store = Box.store
honest_answerable = Owner.answerable


def test_nothing_acknowledged_is_lost_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    operations = epochs = snapshots = 0
    for outcome in (*map(simulate, range(9)), simulate(2, kinds={"fence": 1, "restart": 1})):
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
        boxes = getattr(self, "boxes", {}).values()
        lost = next((box for box in boxes if box.core is None and not box.is_gone), None)
        return super().blank() if lost is None else Kept(lost.kept.birth)


LATE = re.compile("wait for ever|who are wanted|not complete|too many orders")
"""Some bugs also keep somebody waiting; here they shall be found by what they do to data."""
TWO: dict[str, Any] = {"members": 2, "kinds": {"cut": 2, "restart": 2, "lose_disk": 2}}
THREE: dict[str, Any] = {
    "members": 3, "kinds": {"restart": 2, "cut": 1, "jump": 1}, "pause_s": 0.4,
}  # fmt: skip
PLANTED: dict[str, tuple[Any, str, Any, int, dict[str, Any]]] = {
    "acknowledged before it is synced": (
        Following, "_match", property(lambda following: following._matched), 7, {},
    ),
    "votes are forgotten": (Box, "store", store_without_promise, 0, {}),
    "a command that is tried again is done again": (Sessions, "_once", once_each_time, 0, {}),
    "reads do not wait for what is on its way": (Owner, "answerable", answer_at_once, 45, THREE),
    "one of two sends what it has not synced": (
        Owner, "limit", property(lambda owner: owner._ground.log.last), 8, TWO,
    ),
    "one of two is told only at the end that there are three": (
        Owner, "_as_two", only_the_last, 30, {},
    ),
    "a lost log votes on": (replicas, "World", SameBirth, 30, TWO),
}  # fmt: skip
"""Where it is, what it is, and from which seed on it is looked for: the one that finds it is near.
"""


def find_in_seeds(first: int, options: dict[str, Any]) -> None:
    for seed in range(first, first + 200):
        try:
            simulate(seed, **options)
        except LocalProtocolError as error:
            if not LATE.search(str(error)):
                raise


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong, first, options = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(CantorError):
        find_in_seeds(first, options)


def former_owner() -> None:
    """One of three is cut off and does not know it; what clients saw is checked."""
    group = Group(A, B, C)
    seen: list[Operation] = []

    def saw(name: str, arguments: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        at = float(len(seen))
        if answer is not None:
            seen.append(Operation("key:k", name, arguments, at, at + 0.5, answer))

    saw("write", (b"1",), group.do_at(A, b"1") == "done")
    group.cuts = {A}
    group.tell(B, Unreachable(A))
    group.tell(C, Unreachable(A))
    group.pass_time(2.0)
    owner = next(node for node in group.owners if node != A)
    saw("write", (b"2",), group.do_at(owner, b"2") == "done")
    for node in (owner, A):
        read = group.read(node)
        saw("read", (), read if read is None else read[-1])
    assert len(seen) >= 3
    check(seen, MODELS)


def test_a_former_owner_answers_no_reads() -> None:
    former_owner()


def test_a_former_owner_that_answers_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Owner, "_confirmed", lambda _: 1 << 62)
    with pytest.raises(LocalProtocolError, match="not linearizable"):
        former_owner()


def one_in_doubt() -> None:
    """Of two the owner ends before it hears that the other has synced; each is read alone."""
    group = Group(A, B)
    group.drops = lambda _, letter: isinstance(letter.body, Ack)
    group.ask(A, b"1")
    group.end(A)
    group.cuts = {A}
    group.start(A)
    seen = [Operation("key:k", "write", (b"1",), 0.0)]
    for at, node in ((1.0, B), (2.0, A)):
        read = group.read(node)
        if isinstance(read, list):
            value = read[-1] if read else None
            seen.append(Operation("key:k", "read", (), at, at + 0.5, value))
    check(seen, MODELS)


def test_what_is_in_doubt_is_not_read() -> None:
    one_in_doubt()


def test_that_what_is_in_doubt_is_read_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ground, "is_in_doubt", property(lambda _: False))
    with pytest.raises(LocalProtocolError, match="not linearizable"):
        one_in_doubt()


def older_epoch() -> Group:
    """What Ongaro's figure 8 shows: an entry of an older epoch is at a majority, and yet another
    one takes its place.
    """
    group = Group(A, B, C, settings=replace(SETTINGS, batch_entries=1))
    group.cuts = {B, C}
    group.ask(A, b"old")
    group.end(A)
    group.cuts = set()
    group.drops = lambda node, letter: is_asked_by_b(node, letter) or has_entry(letter, 2)
    group.tell(B, Unreachable(A))
    group.tell(C, Unreachable(A))
    group.pass_time(1.0)
    assert group[C].kept.entries[-1].epoch.counter == 2
    group.end(C)
    group.drops = lambda node, letter: is_asked_by_b(node, letter) or has_entry(letter, 3)
    group.start(A)
    group.pass_time(40.0)
    assert group[B].kept.entries[-1].content == b"old"
    group.end(A)
    group.drops = is_asked_by_b
    group.start(C)
    group.pass_time(40.0)
    assert group.owners == [C]
    return group


def is_asked_by_b(node: NodeId, letter: Letter) -> bool:
    """Whether B wants to own the group: it shall not."""
    return node == B and isinstance(letter.body, Ask)


def has_entry(letter: Letter, counter: int) -> bool:
    """Whether it brings an entry of an epoch with that counter."""
    body = letter.body
    return isinstance(body, Append) and any(one.epoch.counter == counter for one in body.entries)


def test_an_entry_of_an_older_epoch_at_a_majority_does_not_count_for_that() -> None:
    group = older_epoch()
    assert [member.applied for member in group.members.values()] == [[]] * 4


def test_entries_of_older_epochs_that_are_counted_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Owner, "committed", committed_by_count)
    with pytest.raises(RemoteProtocolError, match="counts, and another"):
        older_epoch()
