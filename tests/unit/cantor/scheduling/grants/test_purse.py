"""The rights of a node: asked for, granted, recalled, and over a restart."""

from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.scheduling.grants.claim import Ask
from cantor.scheduling.grants.events import Changed, Write
from cantor.scheduling.grants.journal import Kept, Over
from cantor.scheduling.grants.purse import IDLE_S, Effect, Pool, Purse, Want
from cantor.scheduling.grants.records import Ended, Granted, Key, Lease, Refused, Release, Reserve

ME, OWNER, OTHER = NodeId("a" * 32), NodeId("b" * 32), NodeId("c" * 32)
POOL = Pool(OWNER, "Licence", 4, 4)


class Node:
    """A purse, and how much of its rights work uses."""

    def __init__(self, kept: Kept | None = None, used: int = 0) -> None:
        self.used = used
        self.purse = Purse(ME, "life", self.spare, kept or Kept())

    def spare(self, name: str) -> int:
        return self.held - self.used if name == "Licence" else 0

    @property
    def held(self) -> int:
        return self.purse.held("Licence", [OWNER])

    def ask(self, units: int, now: float = 0.0) -> list[Key]:
        effects = self.purse.look([POOL], {"Licence": Want(units)}, now)
        return [key for key, kind in asked(effects) if kind is Reserve]

    def grant(self, *keys: Key) -> None:
        for key in keys:
            self.purse.answered(OWNER, granted(key))


def granted(key: Key) -> Granted:
    return Granted(Lease(key, ME, 1, {"Licence": 1}), 0.0)


def asked(effects: list[Effect]) -> list[tuple[Key, type]]:
    return [(e.asked.key, type(e.asked)) for e in effects if isinstance(e, Ask)]


def written(effects: list[Effect]) -> list[int]:
    return [e.number for e in effects if isinstance(e, Write) and isinstance(e.record, Over)]


def test_it_asks_for_what_it_lacks_and_counts_what_is_granted() -> None:
    node = Node()
    first, second = node.ask(2)
    assert node.ask(2, 0.1) == []
    assert node.ask(2, 1.1) == [first, second]
    effects = node.purse.answered(OWNER, granted(first))
    assert Changed() in effects
    assert (node.held, node.ask(2, 3.0)) == (1, [second])
    assert node.purse.answered(OTHER, granted(second)) == []
    assert node.held == 1


def test_a_right_counts_no_more_before_its_owner_is_told_and_that_waits_for_the_disk() -> None:
    node = Node()
    node.grant(*node.ask(2))
    node.used = 1
    effects = node.purse.recalled(OWNER, "Licence", 2)
    (number,) = written(effects)
    assert (node.held, asked(effects)) == (1, [])
    assert asked(node.purse.look([POOL], {}, 5.0)) == []
    node.purse.written(number, is_done=True)
    ((key, kind),) = asked(node.purse.look([POOL], {}, 6.0))
    assert kind is Release
    assert node.purse.answered(OWNER, granted(key)) == []
    node.purse.answered(OWNER, Ended(key))
    assert asked(node.purse.look([POOL], {}, 9.0)) == []


def test_a_right_whose_end_cannot_be_written_stays() -> None:
    node = Node()
    node.grant(*node.ask(1))
    (number,) = written(node.purse.recalled(OWNER, "Licence", 1))
    node.purse.written(number, is_done=False)
    assert node.held == 1


def test_what_idles_goes_back_after_a_while() -> None:
    node = Node()
    node.grant(*node.ask(1))
    assert written(node.purse.look([POOL], {}, 10.0)) == []
    assert len(written(node.purse.look([POOL], {}, 10.0 + IDLE_S))) == 1


def test_a_right_that_it_does_not_know_goes_back_once_what_is_used_is_covered() -> None:
    node = Node(used=1)
    key = Key(f"Licence@{OWNER}@former-1", 0)
    assert node.purse.answered(OWNER, granted(key)) == []
    node.used = 0
    assert asked(node.purse.answered(OWNER, granted(key))) == [(key, Release)]


def test_a_damaged_journal_gives_no_right_and_is_mended() -> None:
    key = Key(f"Licence@{OWNER}@former-1", 0)
    lease = Lease(key, ME, 1, {"Licence": 1})
    assert Node(Kept(leases={key: lease})).held == 1
    node = Node(Kept(leases={key: lease}, is_whole=False))
    (number,) = written(node.purse.look([], {}, 0.0))
    assert node.held == 0
    node.purse.written(number, is_done=False)
    (number,) = written(node.purse.look([], {}, 2.0))
    node.purse.written(number, is_done=True)
    assert written(node.purse.look([], {}, 4.0)) == []


def test_who_was_declared_dead_has_nothing_when_it_comes_back() -> None:
    node = Node()
    keys = node.ask(2)
    node.grant(*keys)
    node.purse.answered(OWNER, Refused(keys[0], "lost", "declared dead"))
    assert node.held == 1
    node.purse.answered(OWNER, Refused(keys[1], "disk", "a late copy"))
    assert node.held == 1


def test_before_it_tells_an_owner_that_lost_its_book_it_drops_its_questions() -> None:
    node = Node()
    first, second = node.ask(2)
    node.grant(first)
    node.purse.recalled(OWNER, "", 0)
    assert [lease.key for lease in node.purse.told(OWNER)] == [first]
    node.grant(second)
    assert node.held == 1


def test_of_two_owners_the_one_is_asked_that_has_some() -> None:
    node = Node()
    empty, full = Pool(OTHER, "Licence", 4, 0), POOL
    effects = node.purse.look([empty], {"Licence": Want(1)}, 0.0)
    assert [e.node for e in effects if isinstance(e, Ask)] == [OTHER]
    effects = node.purse.look([empty, full], {"Licence": Want(1)}, 0.1)
    told = [(e.node, type(e.asked)) for e in effects if isinstance(e, Ask)]
    assert told == [(OWNER, Reserve), (OTHER, Release)]
