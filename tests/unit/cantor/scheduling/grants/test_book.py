"""The owner of a shared quantity: recalls, the dead, and a record that was lost."""

from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.scheduling.grants.book import Book, Effect, Recall
from cantor.scheduling.grants.events import Tell, Tick, Write, WriteFailed, Written
from cantor.scheduling.grants.records import (
    FOR_EVER_S,
    Answer,
    Granted,
    Key,
    Lease,
    Refused,
    Release,
    Reserve,
)
from cantor.scheduling.grants.stock import Have
from cantor.scheduling.needs import parse

ME, WALL, ROOF = (NodeId(letter * 32) for letter in "abc")
EVERYONE = {ME, WALL, ROOF}


class Owner:
    """A book on a disk that takes everything at once."""

    def __init__(self, *, is_lost: bool = False, total: int = 2) -> None:
        self.book = Book(ME, "now", 2, 0.0, is_lost=is_lost)
        have = Have((Resource("Licence", "quantity", total),), {}, {})
        self.do(self.book.handle(Tick(), 0.0))
        self.do(self.book.handle(have, 0.0))

    def do(self, effects: list[Effect]) -> list[Effect]:
        """Let the disk take what is written; what else there is to do."""
        left: list[Effect] = [effect for effect in effects if not isinstance(effect, Write)]
        numbers = [effect.number for effect in effects if isinstance(effect, Write)]
        if numbers:
            left += self.do(self.book.handle(Written(max(numbers)), self.book.now))
        return left

    def ask(self, holder: NodeId, name: str, now: float = 0.0) -> list[Answer]:
        asked = Reserve(key(name), holder, parse("Licence = 1"), now, FOR_EVER_S)
        return told(self.do(self.book.handle(asked, now)))

    def look(self, now: float, dead: frozenset[NodeId] = frozenset()) -> list[Effect]:
        return self.do(self.book.look(EVERYONE, dead, now))


def key(name: str) -> Key:
    return Key(f"Licence@{ME}@{name}", 0)


def told(effects: list[Effect]) -> list[Answer]:
    return [effect.answer for effect in effects if isinstance(effect, Tell)]


def lease(holder: NodeId, name: str) -> Lease:
    return Lease(key(name), holder, 1, {"Licence": 1}, ttl_s=FOR_EVER_S)


def test_what_others_wait_for_is_recalled_but_not_from_the_first_of_them() -> None:
    owner = Owner()
    assert isinstance(owner.ask(WALL, "1")[-1], Granted)
    assert isinstance(owner.ask(ROOF, "2")[-1], Granted)
    owner.look(0.5)
    owner.ask(ROOF, "3", 1.0)
    owner.ask(WALL, "4", 1.0)
    assert owner.look(2.0) == [Recall(WALL, "Licence", 2)]
    effects = owner.do(owner.book.handle(Release(key("1"), WALL), 2.5))
    assert [answer.key for answer in told(effects) if isinstance(answer, Granted)] == [key("3")]


def test_rights_have_no_end_but_death() -> None:
    owner = Owner(total=1)
    owner.ask(WALL, "1")
    owner.look(1e9)
    assert owner.book.free == {"Licence": 0}
    owner.look(1e9 + 2, frozenset({WALL}))
    assert owner.book.free == {"Licence": 1}
    (refused,) = told(owner.do(owner.book.heard(WALL, [lease(WALL, "1")], "", 1e9 + 3)))
    assert isinstance(refused, Refused)
    assert refused.why == "lost"


def test_a_node_hears_again_of_what_it_does_not_know() -> None:
    owner = Owner()
    owner.ask(WALL, "1")
    (again,) = told(owner.do(owner.book.heard(WALL, [], "", 1.0)))
    assert isinstance(again, Granted)
    assert again.key == key("1")


def test_a_lost_record_is_whole_again_when_all_have_told_in_this_life() -> None:
    owner = Owner(is_lost=True)
    assert owner.ask(ROOF, "9")[-1].__class__.__name__ == "Waiting"
    assert owner.look(1.0) == [Recall(node, "", 0) for node in sorted(EVERYONE)]
    owner.do(owner.book.heard(WALL, [], "former", 1.0))
    assert owner.book.told == set()
    owner.do(owner.book.heard(WALL, [lease(WALL, "1"), lease(ROOF, "forged")], "now", 1.0))
    assert owner.book.told == {WALL}
    assert [one.holder for one in owner.book.leases] == [WALL]
    owner.do(owner.book.count(2.0))
    assert not owner.book.is_frozen
    assert isinstance(owner.ask(ROOF, "9", 3.0)[-1], Granted)
    assert owner.book.free == {"Licence": 0}


def test_what_was_told_counts_when_it_is_on_the_disk() -> None:
    owner = Owner(is_lost=True)
    effects = owner.book.heard(WALL, [lease(WALL, "1")], "now", 1.0)
    (number,) = [effect.number for effect in effects if isinstance(effect, Write)]
    assert owner.book.count(1.0) == []
    owner.do(owner.book.handle(WriteFailed(number, "No space left on device"), 1.0))
    assert owner.book.told == set()
    assert owner.book.is_frozen
