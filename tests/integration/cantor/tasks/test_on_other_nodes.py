"""Tasks on the nodes of a mesh that fit, submitted by a script through the agent beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.errors import LocalProtocolError, NeedsError, UnavailableError
from cantor.cli.main import main
from cantor.workers.errors import OutOfMemoryError, TaskTimeoutError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
SOON_S = 30.0
CANTOR = (sys.executable, "-m", "cantor.cli.main")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", "--workers", "1", "--code-run", "tenant", "--sandbox", "none",
                    "--resource", "Camera9==1", "--resource", "Licence=1")  # fmt: skip
        boxes.start("roof", "--workers", "1", "--resource", "Shy==1")
        boxes.until_known("desk", "desk", "wall")
        yield boxes
    finally:
        boxes.close()


def parent() -> int:
    return os.getppid()


def alone(folder: str) -> bool:
    """Whether nobody else was in that folder meanwhile."""
    mine = Path(folder, str(os.getpid()))
    mine.touch()
    time.sleep(0.2)
    is_alone = len(list(Path(folder).iterdir())) == 1
    mine.unlink()
    return is_alone


def leaves_late(runs: str, left: str) -> None:
    """Takes a while to leave when it is ended."""
    try:
        Path(runs).touch()
        time.sleep(1000)
    finally:
        time.sleep(0.5)
        Path(left).touch()


def story() -> None:
    cantor.progress(0.5, "half")
    print("seen")  # noqa: T201 (what the test is about)
    raise KeyError("gone")


def ask_others() -> tuple[int, list[int]]:
    """Where it runs, and where its own tasks do."""
    futures = [cantor.task(parent).submit() for _ in range(2)]
    return os.getppid(), [future.result() for future in futures]


def ask_for_a_teleporter() -> int:
    return cantor.task(needs="Teleporter == 1")(parent).submit().result()


def prints_and_waits() -> None:
    print("here", flush=True)  # noqa: T201 (what the test is about)
    time.sleep(1000)


def runs_on(path: str) -> int:
    """Says by a file of that name that it runs, and never ends."""
    Path(path).write_text(str(os.getppid()), encoding="ascii")
    while True:
        time.sleep(1)


def try_twice(folder: str) -> int:
    """Runs for ever the first time, and returns where it ran the second."""
    first, second = Path(folder, "first"), Path(folder, "second")
    number = str(os.getppid())
    if not first.exists():
        first.write_text(number, encoding="ascii")
        while True:
            time.sleep(1)
    with second.open("a", encoding="ascii") as file:
        file.write(number + "\n")
    return os.getppid()


@pytest.mark.usefixtures("desk")
def test_a_task_runs_where_its_needs_are_met(boxes: Boxes) -> None:
    here, there = cantor.task(parent), cantor.task(needs="Camera9 == 1")(parent)

    assert here.submit().result(SOON_S) == boxes["desk"].process.pid
    assert there.submit().result(SOON_S) == boxes["wall"].process.pid


@pytest.mark.usefixtures("desk")
def test_what_it_prints_says_and_raises_comes_back_with_the_lines_there() -> None:
    future = cantor.task(needs="Camera9 == 1")(story).submit()

    with pytest.raises(KeyError, match="gone") as caught:
        future.result(SOON_S)
    assert 'raise KeyError("gone")' in str(caught.value.__cause__)
    assert future.output == "seen\n"
    assert future.progress == (0.5, "half")


@pytest.mark.usefixtures("desk")
def test_twenty_megabytes_go_there_and_come_back() -> None:
    flip = cantor.task(needs="Camera9 == 1")(np.flipud)
    image = np.arange(20_000_000, dtype=np.uint8).reshape(5000, 4000)

    assert np.array_equal(flip.submit(image).result(SOON_S), image[::-1])


@pytest.mark.usefixtures("desk")
def test_many_calls_come_back_in_order() -> None:
    add = cantor.task(needs="Camera9 == 1")(jobs.add)

    assert list(add.map(range(500), range(500))) == [2 * number for number in range(500)]


@pytest.mark.usefixtures("desk")
def test_needs_that_no_node_can_ever_meet_say_what_is_missing_at_once() -> None:
    with pytest.raises(NeedsError, match="no node has Teleporter"):
        cantor.task(needs="Teleporter == 1")(parent).submit().result(SOON_S)

    with pytest.raises(NeedsError, match="roof runs only its own box's tasks"):
        cantor.task(needs="Shy == 1")(parent).submit().result(SOON_S)


@pytest.mark.usefixtures("desk")
def test_cancelling_ends_what_runs_there(boxes: Boxes, tmp_path: Path) -> None:
    path = tmp_path / "runs"
    future = cantor.task(needs="Camera9 == 1")(runs_on).submit(str(path))
    until(path.exists)
    assert future.cancel()

    with pytest.raises(CancelledError):
        future.result(SOON_S)
    until(lambda: boxes["desk"].rows() == [])
    until(lambda: boxes["wall"].ask("tasks.list")["for_others"] == [])


@pytest.mark.usefixtures("desk")
def test_items_of_a_generator_come_from_there_while_it_runs() -> None:
    @cantor.task(needs="Camera9 == 1")
    def count_up() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    with count_up.stream() as numbers:
        assert [next(numbers) for _ in range(100)] == list(range(100))
    numbers.future.exception(SOON_S)


@pytest.mark.usefixtures("desk")
def test_deadlines_and_bounds_of_memory_hold_there(tmp_path: Path) -> None:
    late = cantor.task(needs="Camera9 == 1", deadline_s=0.5)(runs_on)
    with pytest.raises(TaskTimeoutError):
        late.submit(str(tmp_path / "late")).result(SOON_S)

    large = cantor.task(needs="Camera9 == 1 and Memory = 64MiB")(jobs.take_memory)
    with pytest.raises(OutOfMemoryError):
        large.submit(256).result(SOON_S)


@pytest.mark.usefixtures("desk")
def test_one_unit_has_one_user_at_a_time(tmp_path: Path) -> None:
    one = cantor.task(needs="Licence = 1")(alone)

    assert all(one.map([str(tmp_path)] * 3))


@pytest.mark.usefixtures("desk")
def test_what_a_cancelled_task_held_is_free_when_its_worker_has_ended(tmp_path: Path) -> None:
    runs, left = tmp_path / "runs", tmp_path / "left"
    first = cantor.task(needs="Licence = 1")(leaves_late).submit(str(runs), str(left))
    until(runs.exists)
    second = cantor.task(needs="Licence = 1")(os.path.exists).submit(str(left))
    first.cancel()

    assert second.result(SOON_S)


@pytest.mark.usefixtures("desk")
def test_a_worker_that_dies_there_is_replaced_and_the_task_tried_again(tmp_path: Path) -> None:
    @cantor.task(needs="Camera9 == 1")
    def dies_once(path: str) -> str:
        if not Path(path).exists():
            Path(path).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "alive"

    assert dies_once.submit(str(tmp_path / "died")).result(SOON_S) == "alive"
    with pytest.raises(WorkerDiedError, match="killed by signal 9"):
        cantor.task(needs="Camera9 == 1", retries=0)(jobs.kill_myself).submit(9).result(SOON_S)


@pytest.mark.usefixtures("desk")
def test_a_script_that_ends_ends_its_tasks(boxes: Boxes, tmp_path: Path) -> None:
    path = tmp_path / "runs"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    words = ["run", "--data", str(boxes["desk"].folder), "--needs", "Camera9 == 1", str(script)]
    with subprocess.Popen([*CANTOR, *words, str(path)]) as running:
        try:
            until(lambda: path.exists() and path.read_text(encoding="ascii") != "")
        finally:
            running.kill()
    assert int(path.read_text(encoding="ascii")) == boxes["wall"].process.pid

    until(lambda: boxes["wall"].ask("tasks.list")["for_others"] == [])


SCRIPT = """
import os, sys, time, cantor

@cantor.task
def runs_on(path):
    with open(path, "w") as file:
        file.write(str(os.getppid()))
    time.sleep(1000)

if __name__ == "__main__":
    runs_on.submit(sys.argv[1]).result()
"""


@pytest.mark.usefixtures("desk")
def test_a_task_there_submits_tasks_which_run_where_they_fit(boxes: Boxes) -> None:
    nested = cantor.task(needs="Camera9 == 1")(ask_others).submit()

    wall = boxes["wall"].process.pid
    assert nested.result(SOON_S) == (wall, [wall, wall])
    with pytest.raises(NeedsError, match="no node has Teleporter"):
        cantor.task(needs="Camera9 == 1")(ask_for_a_teleporter).submit().result(SOON_S)


@pytest.mark.usefixtures("desk")
def test_a_tree_of_tasks_does_not_wait_for_itself() -> None:
    assert jobs.fibonacci.submit(7).result(SOON_S) == 13


@pytest.mark.usefixtures("desk")
def test_waiting_where_results_arrive_is_refused() -> None:
    add = cantor.task(jobs.add)
    seen: list[BaseException] = []
    has_run = threading.Event()

    def wait_for_another(_: object) -> None:
        try:
            add.submit(1, 1).result()
        except LocalProtocolError as error:
            seen.append(error)
        has_run.set()

    add.submit(1, 1).add_done_callback(wait_for_another)

    assert has_run.wait(SOON_S)
    assert "a callback waits for a result" in str(seen[0])


def test_without_an_agent_that_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no agent takes tasks here"):
        cantor.connect(tmp_path)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path)
    options = (
        "--workers",
        "1",
        "--code-run",
        "tenant",
        "--sandbox",
        "none",
        "--resource",
        "Arm==1",
    )
    try:
        boxes.start("desk", "--workers", "0")
        boxes.start("wall", *options)
        boxes.start("roof", *options)
        boxes.until_known("desk", "wall", "roof")
        yield boxes
    finally:
        boxes.close()


def test_a_node_that_dies_has_its_task_run_on_another_and_one_result_counts(
    three: Boxes, tmp_path: Path
) -> None:
    with cantor.connect(three["desk"].folder):
        future = cantor.task(needs="Arm == 1")(try_twice).submit(str(tmp_path))
        first = tmp_path / "first"
        until(lambda: first.exists() and first.read_text(encoding="ascii") != "")
        by_pid = {box.process.pid: box for box in three.boxes.values()}
        by_pid[int(first.read_text(encoding="ascii"))].kill()

        result = future.result(SOON_S)

    assert result != int(first.read_text(encoding="ascii"))
    assert (tmp_path / "second").read_text(encoding="ascii") == f"{result}\n"


def test_what_may_run_once_is_lost_with_its_node(three: Boxes, tmp_path: Path) -> None:
    with cantor.connect(three["desk"].folder):
        once = cantor.task(needs="Arm == 1", at_most_once=True)(runs_on)
        path = tmp_path / "runs"
        future = once.submit(str(path))
        until(lambda: path.exists() and path.read_text(encoding="ascii") != "")
        by_pid = {box.process.pid: box for box in three.boxes.values()}
        box = by_pid[int(path.read_text(encoding="ascii"))]
        box.kill()

        with pytest.raises(WorkerDiedError, match=f"node {box.name}, which ran it, was lost"):
            future.result(SOON_S)


def test_an_agent_that_ends_ends_what_waits_for_it(three: Boxes, tmp_path: Path) -> None:
    with cantor.connect(three["desk"].folder):
        path = tmp_path / "runs"
        future = cantor.task(needs="Arm == 1")(runs_on).submit(str(path))
        until(path.exists)
        three["desk"].kill()

        with pytest.raises(UnavailableError, match="the agent was lost"):
            future.result(SOON_S)


@pytest.mark.usefixtures("desk")
def test_the_command_line_lists_tasks_shows_what_they_print_and_ends_them(
    boxes: Boxes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> str:
        assert main(["task", *words, "--data", str(boxes["desk"].folder)]) == 0
        return capsys.readouterr().out

    future = cantor.task(needs="Camera9 == 1")(prints_and_waits).submit()
    until(lambda: future.output == "here\n")
    (row,) = boxes["desk"].rows()

    assert "prints_and_waits  runs   wall" in told("list")
    assert told("logs", str(row["task"])) == "here\n"
    assert told("cancel", str(row["task"])) == f"Task {row['task']} (prints_and_waits) ended.\n"
    with pytest.raises(CancelledError):
        future.result(SOON_S)
    assert json.loads(told("list", "--json"))["rows"] == []
    assert main(["task", "logs", "999999", "--data", str(boxes["desk"].folder)]) == 2


@pytest.mark.usefixtures("desk")
def test_a_task_below_takes_of_the_grants_of_its_node(tmp_path: Path) -> None:
    on_wall = cantor.task(needs="Camera9 == 1")(jobs.submit_with_needs.function)

    assert on_wall.submit("CPU = 1", str(tmp_path / "below")).result(SOON_S)
