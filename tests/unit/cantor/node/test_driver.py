"""The driver keeps the time of what it drives."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import TYPE_CHECKING, cast

from tests.unit.cantor.identity.sealing_nodes import Node

from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.sealing import WAIT_S
from cantor.identity.store import IdentityFolder
from cantor.ledger.ledger import Ledger
from cantor.mesh.core import MeshCore
from cantor.node.driver import MeshDriver
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.transport.links import Links

B = NodeId("b" * 32)


class SetClock:
    """A steady clock that a test sets; the machine has been up for a while."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class NoLinks:
    """Links of a node that has none."""

    def rest(self, now: float) -> None:
        """Nothing rests."""

    def pass_on(self, nonce: str, channel: int, record: bytes) -> bool:
        """Nothing leaves."""
        return False


async def test_what_is_sealed_before_the_first_timer_waits_as_long_as_all_else(
    tmp_path: Path,
) -> None:
    folder, today = IdentityFolder(tmp_path), dt.datetime.now(dt.UTC)
    folder.install(Authority.create("mesh.test", now=today).issue(folder.csr_pem(), now=today))
    node, clock = Node(folder), SetClock()
    ledger = Ledger(node.id, epoch=1, sign=lambda _: b"", certificate=b"", verify=lambda *_: True)
    core = MeshCore(node.id, "mesh.test", ledger, Random(1))  # noqa: S311
    driver = MeshDriver(
        core,
        clock,
        node.seals,
        on_effect=lambda _: None,
        on_frame=lambda _: None,
        on_reached=lambda *_: None,
    )
    driver.start(cast("Links", NoLinks()))
    node.seals.wait(DataFrame(Kind.DATA, node.id, B, 1, body=(b"x",)), 100)

    for waited_s, left in ((0.5, 100), (WAIT_S - 0.1, 100), (WAIT_S + 0.1, 0)):
        clock.now = 1000.0 + waited_s
        driver._timer_fired("tick", clock.now)
        assert node.seals.waiting_bytes(B) == left
    await driver.stop()
