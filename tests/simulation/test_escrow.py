"""No more licences are used than there are; and a simulator that misses bugs proves nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation.escrow import FAULTS, SharedWorld, disturbed, simulate

from cantor.base.errors import LocalProtocolError
from cantor.scheduling.grants.book import Book
from cantor.scheduling.grants.claim import Ask
from cantor.scheduling.grants.journal import Kept
from cantor.scheduling.grants.purse import Purse
from cantor.scheduling.grants.records import Release

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.records import Lease

pytestmark = pytest.mark.simulation
honest_granted = Purse._granted
honest_begin = Book.__post_init__


def test_seeds_use_no_more_than_there_are_and_end_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    held = 0
    for seed in range(24):
        outcome = simulate(seed, seconds=30.0, pause_s=(3.0, 0.8)[seed % 2])
        fired += outcome.fired
        held += outcome.held
    assert held > 500
    assert set(fired) >= set(FAULTS)
    assert fired["counted anew"] > 5


def test_the_same_seed_gives_the_same_run() -> None:
    assert simulate(3, seconds=15.0).digest == simulate(3, seconds=15.0).digest


def give_back_what_is_used(purse: Purse, lease: Lease, right: Any, owner: NodeId) -> None:  # noqa: ANN401
    """What the journal does not name goes back, whatever was granted of it."""
    honest_granted(purse, lease, right, owner)
    if right is None:
        purse._effects.append(Ask(owner, Release(lease.key, purse.me)))


def begin_with_nothing(book: Book) -> None:
    """An owner that has lost its book gives rights at once."""
    book.is_lost, book.kept = False, Kept(book.kept.epoch)
    honest_begin(book)


def always(value: object) -> property:
    """An attribute that nobody can change."""
    return property(lambda _: value, lambda *_: None)


PLANTED: dict[str, tuple[Any, str, Any]] = {
    "rights are not looked at": (SharedWorld, "rights", lambda *_: 5),
    "a right that is used goes back": (Purse, "_granted", give_back_what_is_used),
    "an owner begins with nothing": (Book, "__post_init__", begin_with_nothing),
    "a damaged journal counts as whole": (Kept, "is_whole", always(value=True)),
}


def find_in_seeds() -> None:
    for seed in range(200):
        disturbed(seed, 40.0, (2.0, 0.8)[seed % 2], ("Licence = 1", "Licence = 2"))


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong, raising=False)
    with pytest.raises(LocalProtocolError, match=r"are used|granted twice"):
        find_in_seeds()
