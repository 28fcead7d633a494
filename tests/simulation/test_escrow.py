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
from cantor.scheduling.grants.purse import Purse, owner_of
from cantor.scheduling.grants.records import Release

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.book import Effect
    from cantor.scheduling.grants.events import Event
    from cantor.scheduling.grants.records import Lease

pytestmark = pytest.mark.simulation
honest_granted = Purse._granted
honest_give = Purse._give
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


def tell_before_it_is_kept(
    purse: Purse, name: str, units: int, owner: NodeId | None = None
) -> None:
    """The owner is told that a right has ended before that is on the disk."""
    honest_give(purse, name, units, owner)
    ending = [key for key, right in purse._rights.items() if right.state == "ending"]
    purse._effects += [Ask(owner_of(key), Release(key, purse.me)) for key in ending]


def ask_nobody_again(book: Book, event: Event, now: float) -> list[Effect]:
    """What nodes have told an owner without a book counts, though the disk has refused it."""
    book.now = now
    return [*book._grantor.handle(event, now)]


def always(value: object) -> property:
    """An attribute that nobody can change."""
    return property(lambda _: value, lambda *_: None)


PLANTED: dict[str, tuple[Any, str, Any]] = {
    "rights are not looked at": (SharedWorld, "rights", lambda *_: 5),
    "a right that is used goes back": (Purse, "_granted", give_back_what_is_used),
    "an owner begins with nothing": (Book, "__post_init__", begin_with_nothing),
    "an owner is told before the end is kept": (Purse, "_give", tell_before_it_is_kept),
    "what was told is not kept and not asked again": (Book, "handle", ask_nobody_again),
    "a damaged journal counts as whole": (Kept, "is_whole", always(value=True)),
}


def find_in_seeds() -> None:
    for seed in range(200):
        disturbed(seed, 40.0, (2.0, 0.8)[seed % 2], ("Licence = 1", "Licence = 2"), refuses=0.3)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong, raising=False)
    with pytest.raises(LocalProtocolError, match=r"are used|granted twice|is not known"):
        find_in_seeds()
