"""What it costs to remember tasks, and to show them while they change: 10 000 of one node.

python tests/benchmarks/stories/run.py
Beside it: what an update would cost if all of them were told and compared each time.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
import msgspec
from tests.benchmarks.mesh.table import ROOT, Row, keep

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.tasks.story_reading import changes_from
from cantor.node.tasks.story_values import Telling
from cantor.scheduling.tasks.finding import Sought, changes, page
from cantor.scheduling.tasks.stories import Stories
from cantor.scheduling.tasks.story import Story
from cantor.workers.units import Terms
from edge_hub.task_schemas import WINDOW_MAX
from edge_hub.task_window import TaskWindow, task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESULT = ROOT / "build" / "bench" / "stories.json"
TASKS, CHANGED, ROUNDS, UPDATES = 10_000, 20, 7, 50
DESK = NodeId("d" * 32)
NAMES: dict[str, str] = {DESK: "desk"}
TERMS = Terms("inspect.detect", needs="USBCamera == 1 and Memory >= 2GiB and GPU = 1")
RECORD_US_MAX, NODE_MS_MAX, HUB_MS_MAX, BYTES_MAX = 8.0, 2.0, 2.0, 20_000


class Plant:
    """A node that remembers tasks, the hub that follows it, and one console."""

    def __init__(self, folder: Path) -> None:
        self._random = random.Random(7)  # noqa: S311 (which tasks change)
        self._numbers = count(1)
        self._now = 0.0
        self.stories = Stories(DESK)
        self._open: list[Story] = []
        self.telling = Telling(FakeMesh().add(DESK, folder, name="desk"))
        self.telling.look_at_clock()
        self.window = TaskWindow(NAMES)
        self._shown: dict[Any, Any] = {}
        self._since = 0

    def live(self, tasks: int) -> float:
        """Tasks from submit to result; microseconds for each."""
        begun = time.perf_counter()
        for number in range(tasks):
            at = self._now + number * 1e-3
            story = Story(next(self._numbers), TERMS)
            self.stories.add(story, at)
            self.stories.sent(story, 1, DESK, at)
            self.stories.ended(story, "done", at, worker=4711, took_s=0.01)
        took = time.perf_counter() - begun
        self._now += tasks
        return took / tasks * 1e6

    def change(self) -> None:
        """Half of what changes are tasks that are new, half are those before, which end."""
        self._now += 1.0
        for story in self._open[-CHANGED // 2 :]:
            self.stories.ended(story, "done", self._now, worker=4711, took_s=0.3)
        self._open = []
        for _ in range(CHANGED // 2):
            story = self.stories.add(Story(next(self._numbers), TERMS), self._now)
            self.stories.sent(story, 1, DESK, self._now)
            self._open.append(story)

    def tell(self) -> bytes:
        """What the node answers who follows it."""
        rows = [self.telling.row(one) for one in changes(self.stories, self._since, WINDOW_MAX)]
        told = {
            "life": 1, "revision": self.stories.revision, "rows": rows,
            "counts": self.stories.counts(),
            "window": [one.number for one in islice(self.stories.newest(), WINDOW_MAX)],
        }  # fmt: skip
        self._since = self.stories.revision
        packed: bytes = msgpack.packb(told)
        return packed

    def show(self, packed: bytes) -> bytes:
        """What the hub makes of it for a console."""
        told: dict[str, Any] = changes_from(DESK, msgpack.unpackb(packed))
        self.window.take(DESK, told["rows"], told["counts"], told["window"])
        return self._update(self.window.items())

    def show_all(self) -> bytes:
        """The same without any memory of what changed: all tasks are told again and compared."""
        rows, _ = page(self.stories, Sought(), TASKS, self.telling.key)
        packed = msgpack.packb({"rows": [self.telling.row(one) for one in rows]})
        told = msgpack.unpackb(packed)["rows"]
        return self._update(
            {
                one["number"]: task({**one, "id": str(one["number"]), "home": DESK}, NAMES)
                for one in told
            }
        )

    def _update(self, now: dict[Any, Any]) -> bytes:
        before, self._shown = self._shown, now
        upserts = [
            one for key, one in now.items()
            if one is not before.get(key) and one != before.get(key)
        ]  # fmt: skip
        removed = [key for key in before if key not in now]
        return msgspec.json.encode({"type": "delta", "upserts": upserts, "removed": removed})


def timed(do: Callable[[], bytes]) -> tuple[float, bytes]:
    """Milliseconds, and what came of it."""
    begun = time.perf_counter()
    made = do()
    return (time.perf_counter() - begun) * 1000, made


def updates(plant: Plant) -> Iterator[tuple[float, int, float, int]]:
    """Milliseconds and bytes of the node and of the hub, for each update."""
    for _ in range(UPDATES):
        plant.change()
        node_ms, told = timed(plant.tell)
        hub_ms, shown = timed(partial(plant.show, told))
        yield node_ms, len(told), hub_ms, len(shown)


def search_ms(plant: Plant) -> float:
    """Milliseconds to look through all of them for one that is not there."""
    begun = time.perf_counter()
    found, _ = page(plant.stories, Sought(text="nowhere"), 50, plant.telling.key)
    assert not found
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plant = Plant(Path(folder))
        plant.live(TASKS)
        record = statistics.median(plant.live(TASKS) for _ in range(ROUNDS))
        plant.show(plant.tell())
        node_ms, told, hub_ms, shown = map(statistics.median, zip(*updates(plant), strict=True))
        plant.show_all()
        every = statistics.median(timed(plant.show_all)[0] for _ in range(ROUNDS))
        looked = statistics.median(search_ms(plant) for _ in range(ROUNDS))
    keep(
        [
            Row("one task remembered, from submit to result", "us", record, RECORD_US_MAX),
            Row(f"update of {CHANGED} tasks among {TASKS}: node", "ms", node_ms, NODE_MS_MAX),
            Row("  what it tells the hub", "bytes", told, BYTES_MAX),
            Row("  hub and one console", "ms", hub_ms, HUB_MS_MAX, peers={"all told again": every}),
            Row("  what the console is sent", "bytes", shown, BYTES_MAX),
            Row(f"text that no task of {TASKS} has: node", "ms", looked, None),
        ],
        RESULT,
    )


if __name__ == "__main__":
    main()
