"""The units that the groups of one deployment hold on this node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.grants.reservation import Reservation
    from cantor.node.services import Node
    from cantor.scheduling.grants.records import Lease
    from cantor.scheduling.needs import Needs

TASKS = "deployment/"
"""How the names of these holders begin."""


class Units:
    """Reserves for each run of a group, and gives back when that run has ended.

    ``begin`` is called with a leader and its epoch when its units are held; ``wait`` with why they
    are not; ``give_up`` when they can never be.
    """

    def __init__(
        self,
        node: Node,
        deployment: str,
        *,
        begin: Callable[[str, int], None],
        wait: Callable[[str, int, str], None],
        give_up: Callable[[str, int, str], None],
    ) -> None:
        self._node = node
        self._deployment = deployment
        self._begin = begin
        self._wait = wait
        self._give_up = give_up
        self._held: dict[tuple[str, int], Reservation] = {}
        self._begun: set[tuple[str, int]] = set()

    def take(self, leader: str, epoch: int, needs: Needs, project: str) -> None:
        """Reserve what a run needs for a project; what takes nothing begins at once."""
        if not needs.takes_units:
            self._begin(leader, epoch)
            return
        task = f"{TASKS}{self._deployment}/{leader}"
        try:
            held = self._node.reserve(task, epoch, {self._node.node_id: needs}, project=project)
        except ConfigError as error:
            self._give_up(leader, epoch, str(error))
            return
        self._held[(leader, epoch)] = held
        held.on_change(lambda: self._changed(leader, epoch))
        self._changed(leader, epoch)

    def give_back(self, leader: str, epoch: int) -> None:
        """A run has ended: others may have its units."""
        self._begun.discard((leader, epoch))
        held = self._held.pop((leader, epoch), None)
        if held is not None:
            held.drop()

    def give_back_all(self) -> None:
        """Nothing runs any more."""
        for leader, epoch in list(self._held):
            self.give_back(leader, epoch)

    def lease(self, leader: str, epoch: int) -> Lease | None:
        """What a run holds on this node; None if it takes nothing."""
        held = self._held.get((leader, epoch))
        return held.leases.get(self._node.node_id) if held is not None else None

    def is_waiting(self, leader: str, epoch: int) -> bool:
        """Whether the run has not begun because its units are not held yet."""
        run = (leader, epoch)
        return run in self._held and run not in self._begun

    def _changed(self, leader: str, epoch: int) -> None:
        held = self._held.get((leader, epoch))
        if held is None or (leader, epoch) in self._begun:
            return
        if held.error is not None:
            self._held.pop((leader, epoch))
            self._give_up(leader, epoch, str(held.error))
        elif held.is_held:
            self._begun.add((leader, epoch))
            self._begin(leader, epoch)
        elif held.why:
            self._wait(leader, epoch, held.why)
