"""The newest tasks of a project: put together change by change, as if it were done at once."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cantor.scheduling.tasks.finding import place_of
from cantor.scheduling.tasks.story import STATES
from edge_hub.task_schemas import WINDOW_MAX, Task, TaskCounts, TaskPlace
from edge_hub.task_window import TaskWindow, task

DESK, WALL = "d" * 32, "e" * 32
NAMES = {DESK: "desk"}


def row(home: str, number: int, at: float, state: str = "waits") -> dict[str, Any]:
    return {
        "id": f"{home}-1-{number}", "home": home, "life": 1, "number": number, "name": "detect",
        "kind": "task", "state": state, "why": "", "project": "default", "node": "", "attempts": 0,
        "submitted": at, "started": None, "ended": None, "progress": None, "needs": "",
        "priority": 1, "durable_id": "", "parent": "", "group": "", "actor": "",
    }  # fmt: skip


def counted(**states: int) -> dict[str, int]:
    return dict.fromkeys(STATES, 0) | states


def ids(*numbers: int) -> list[str]:
    return [f"{DESK}-1-{number}" for number in numbers]


def shown(window: TaskWindow) -> dict[str, str]:
    return {str(k): v.state for k, v in window.items().items() if isinstance(v, Task)}


def summary(window: TaskWindow) -> TaskCounts:
    found = window.items()["counts"]
    assert isinstance(found, TaskCounts)
    return found


def test_nodes_of_other_projects_have_no_name() -> None:
    told = task({**row(WALL, 1, 5.0), "node": DESK}, NAMES)

    assert told.home == TaskPlace(None, "")
    assert told.node == TaskPlace(DESK, "desk")
    assert told.submitted_at == "1970-01-01T00:00:05.000Z"


def test_what_does_not_change_is_the_very_same_the_next_time() -> None:
    window = TaskWindow(NAMES)
    window.take(DESK, [row(DESK, 1, 1.0), row(DESK, 2, 2.0)], counted(waits=2), ids(1, 2))
    before = window.items()
    window.take(DESK, [row(DESK, 2, 2.0, "runs")], counted(waits=1, runs=1), ids(1, 2))
    after = window.items()

    assert after[f"{DESK}-1-1"] is before[f"{DESK}-1-1"]
    assert after[f"{DESK}-1-2"] != before[f"{DESK}-1-2"]


def test_a_node_that_does_not_tell_is_named_and_what_it_told_is_shown_on() -> None:
    window = TaskWindow(NAMES)
    window.take(DESK, [row(DESK, 1, 1.0)], counted(waits=1), ids(1))
    window.miss(DESK)

    assert summary(window).missing == [TaskPlace(DESK, "desk")]
    assert summary(window).total == 1
    window.forget(DESK)
    assert shown(window) == {}
    assert summary(window).missing == []
    assert summary(window).total == 0


def test_a_clock_that_is_set_moves_tasks_and_does_not_double_them() -> None:
    window = TaskWindow(NAMES)
    window.take(DESK, [row(DESK, 1, 1.0), row(DESK, 2, 2.0)], counted(), ids(1, 2))
    window.take(DESK, [row(DESK, 1, 1001.0), row(DESK, 2, 1002.0)], counted(), ids(1, 2))

    assert len(shown(window)) == 2
    window.forget(DESK)
    assert shown(window) == {}


def test_what_was_no_task_is_shown_no_more() -> None:
    window = TaskWindow(NAMES)
    window.take(DESK, [row(DESK, 1, 1.0), row(DESK, 2, 2.0)], counted(), ids(1, 2))
    window.take(DESK, [], counted(), ids(1))

    assert list(shown(window)) == [f"{DESK}-1-1"]


def test_what_a_node_has_forgotten_is_shown_no_more_though_it_has_nothing_newer() -> None:
    window = TaskWindow(NAMES)
    window.take(DESK, [row(DESK, 1, 1.0), row(DESK, 2, 2.0)], counted(done=2), ids(1, 2))
    window.take(DESK, [], counted(), [])

    assert shown(window) == {}


def test_a_node_that_gets_another_name_shows_it_at_once() -> None:
    window = TaskWindow(NAMES)
    window.take(DESK, [row(DESK, 1, 1.0)], counted(), ids(1))
    window.name({DESK: "bureau"})

    found = window.items()[f"{DESK}-1-1"]
    assert isinstance(found, Task)
    assert found.home.name == "bureau"


class Following(RuleBasedStateMachine):
    """Two nodes tell of more tasks than are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.window = TaskWindow(NAMES)
        self.numbers = count(1)
        self.told: dict[str, dict[str, dict[str, Any]]] = {DESK: {}, WALL: {}}
        self.now = 0.0

    def tell(self, home: str, rows: list[dict[str, Any]]) -> None:
        """As a node does: of its newest only."""
        mine = self.told[home]
        mine.update({one["id"]: one for one in rows})
        newest = sorted(mine.values(), key=place_of)[-WINDOW_MAX:]
        self.told[home] = {one["id"]: one for one in newest}
        fresh = [one for one in rows if one["id"] in self.told[home]]
        self.window.take(home, fresh, counted(waits=len(mine)), list(self.told[home]))

    @rule(home=st.sampled_from([DESK, WALL]), many=st.integers(1, 120))
    def submit(self, home: str, many: int) -> None:
        self.now += 1.0
        rows = [row(home, next(self.numbers), self.now + i * 1e-3) for i in range(many)]
        self.tell(home, rows)

    @rule(home=st.sampled_from([DESK, WALL]), choice=st.integers(0, 1000))
    def end(self, home: str, choice: int) -> None:
        if mine := list(self.told[home].values()):
            self.tell(home, [{**mine[choice % len(mine)], "state": "done"}])

    @rule(home=st.sampled_from([DESK, WALL]))
    def begin_anew(self, home: str) -> None:
        self.window.forget(home)
        self.told[home] = {}

    @invariant()
    def the_newest_of_all_are_shown(self) -> None:
        everything = [one for rows in self.told.values() for one in rows.values()]
        newest = sorted(everything, key=place_of)[-WINDOW_MAX:]
        assert shown(self.window) == {one["id"]: one["state"] for one in newest}


TestFollowing = Following.TestCase
