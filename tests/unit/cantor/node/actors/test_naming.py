"""Names are worked out when they matter, and then as the facts are now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.ids import NodeId
from cantor.node.actors.naming import FACT, Naming
from cantor.node.fake import FakeMesh
from cantor.node.tasks.wording import NAME, NAMED, UNNAME
from cantor.scheduling.actors.names import Named

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.ledger.facts import Fact
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.wording import Message
    from cantor.wire.frame import Value

DESK, WALL = NodeId("0a" * 16), NodeId("0b" * 16)


def named(node: NodeId, since_ms: int = 1000) -> Named:
    return Named(since_ms, f"{node}/1-7", "Shop", "buy sell", 0, 2)


class Desk:
    """A node that hears of each change, beside one that keeps actors."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mesh = FakeMesh()
        self.node, self.wall = mesh.add(DESK, folder), mesh.add(WALL, folder)
        self.sent: list[Message] = []
        self.beaten: list[str] = []
        self.scans = 0
        facts = self.node.facts

        def counted(prefix: str) -> list[Fact]:
            self.scans += 1
            return facts(prefix)

        monkeypatch.setattr(self.node, "facts", counted)
        lines = SimpleNamespace(tell=lambda _, message, __=(): self.sent.append(message))
        self.naming = Naming(self.node, cast("Lines", lines), self.beaten.append)
        self.node.subscribe(self.naming.changed)

    def change(self, times: int) -> int:
        """Other facts change so often; how often all of them were looked at for that."""
        before = self.scans
        for number in range(times):
            self.wall.publish("weather", number)
        return self.scans - before

    def wall_says(self, *said: Named) -> None:
        names: dict[str, Value] = {"shop": said[0].as_value()} if said else {}
        self.wall.publish(FACT, {"life": 1, "names": names})


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_a_change_costs_nothing_on_a_node_that_has_no_part_in_names(desk: Desk) -> None:
    desk.wall_says(named(WALL))

    assert desk.change(100) == 0
    assert desk.naming.find("shop") == named(WALL)
    scans = desk.scans
    assert desk.naming.find("shop") == named(WALL)
    assert desk.scans == scans  # nothing has changed since

    desk.wall_says()
    assert desk.naming.find("shop") is None


def test_who_is_asked_for_a_name_knows_what_was_said_right_before(desk: Desk) -> None:
    desk.wall_says(named(WALL))

    desk.naming.heard_name(DESK, [NAME, "shop", named(DESK, 2000).as_value()], ())

    assert desk.sent == [[NAMED, "shop", named(DESK, 2000).address, named(WALL).as_value()]]


def test_an_actor_that_has_ended_is_not_found_although_its_keeper_still_says_it(
    desk: Desk,
) -> None:
    desk.wall_says(named(WALL))

    desk.naming.heard_unname(WALL, [UNNAME, "shop", named(WALL).address], ())

    assert desk.naming.find("shop") is None


def test_a_node_with_a_name_hears_at_once_that_another_is_older(desk: Desk) -> None:
    own = named(DESK, 2000)
    held: list[Named] = []
    desk.naming.claim("shop", own, held.append)
    desk.naming.heard_named(DESK, [NAMED, "shop", own.address, own.as_value()], ())
    assert held == [own]

    desk.wall_says(named(WALL, 1000))

    assert desk.beaten == [own.address]


def test_one_that_was_given_is_free_at_once_when_its_keeper_is_lost(desk: Desk) -> None:
    desk.naming.heard_name(WALL, [NAME, "shop", named(WALL).as_value()], ())
    assert desk.change(2) == 4

    desk.node._mesh.kill(WALL)
    assert desk.change(1) == 0  # nothing is given any more

    assert desk.naming.find("shop") is None
