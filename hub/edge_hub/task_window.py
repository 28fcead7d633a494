"""The newest tasks of one project, put together from what its nodes tell, a change at a time."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any

from cantor.scheduling.tasks.finding import place_of
from cantor.scheduling.tasks.story import STATES
from edge_hub.schemas import moment, rfc3339
from edge_hub.task_schemas import WINDOW_MAX, Task, TaskCounts, TaskPlace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Row = Mapping[str, Any]
    Key = tuple[float, str]

ELSEWHERE = TaskPlace(None, "")
"""A node of another project."""


class TaskWindow:
    """``names`` are those of the project's nodes, by id.

    Each node tells of as many as are shown in all. What is shown costs the same however many tasks
    there are: each change puts one in its place.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        self._rows: dict[str, Row] = {}
        self._shown: dict[str, Task] = {}
        self._order: list[Key] = []
        self._of: dict[str, set[str]] = {}
        self._counts: dict[str, Mapping[str, int]] = {}
        self._missing: set[str] = set()

    def take(
        self,
        home: str,
        rows: Iterable[Row],
        counts: Mapping[str, int],
        window: Collection[str],
    ) -> None:
        """A node tells what has changed; it remembers, or tells of, those of ``window`` only."""
        self._missing.discard(home)
        self._counts[home] = counts
        mine = self._of.setdefault(home, set())
        for row in rows:
            before = self._rows.get(row["id"])
            if before is None or place_of(before) != place_of(row):  # its clock may have been set
                self._remove(home, row["id"])
                insort(self._order, place_of(row))
            mine.add(row["id"])
            self._put(row)
        for name in mine.difference(window):
            self._remove(home, name)

    def forget(self, home: str) -> None:
        """A node has begun a new life, or is gone: its tasks are not known."""
        for name in list(self._of.pop(home, ())):
            self._remove(home, name)
        self._counts.pop(home, None)
        self._missing.discard(home)

    def miss(self, home: str) -> None:
        """A node does not tell now; what it told is shown on."""
        self._missing.add(home)

    def name(self, names: Mapping[str, str]) -> None:
        """The project's nodes are these now."""
        if self._names != names:
            self._names = dict(names)
            for row in self._rows.values():
                self._put(row)

    def items(self) -> dict[str | int, Task | TaskCounts]:
        """What is shown, by id."""
        newest = self._order[-WINDOW_MAX:]
        shown: dict[str | int, Task | TaskCounts] = {name: self._shown[name] for _, name in newest}
        shown["counts"] = self._summary()
        return shown

    def _summary(self) -> TaskCounts:
        known = self._counts.values()
        states: dict[str, int] = {state: sum(one[state] for one in known) for state in STATES}
        missing = [place(home, self._names) for home in sorted(self._missing)]
        return TaskCounts("counts", states, sum(states.values()), missing, WINDOW_MAX)

    def _put(self, row: Row) -> None:
        self._rows[row["id"]] = row
        self._shown[row["id"]] = task(row, self._names)

    def _remove(self, home: str, name: str) -> None:
        row = self._rows.pop(name, None)
        if row is not None:
            self._of.get(home, set()).discard(name)
            del self._shown[name], self._order[bisect_left(self._order, place_of(row))]


def place(node: str, names: Mapping[str, str]) -> TaskPlace:
    """A node, if it is one of the project's."""
    return TaskPlace(node, names[node]) if node in names else ELSEWHERE


def task(row: Row, names: Mapping[str, str]) -> Task:
    """A task as the API says it, of what ``tasks.page`` says."""
    return Task(
        id=row["id"],
        name=row["name"],
        what=row["kind"],
        state=row["state"],
        why=row["why"],
        project=row["project"],
        home=place(row["home"], names),
        node=place(row["node"], names) if row["node"] else None,
        attempts=row["attempts"],
        submitted_at=rfc3339(row["submitted"]),
        started_at=moment(row["started"]),
        ended_at=moment(row["ended"]),
        progress=row["progress"],
        needs=row["needs"],
        priority=row["priority"],
        durable_id=row["durable_id"],
        parent=row["parent"],
        group=row["group"],
        actor=row["actor"],
    )
