"""Tasks of other nodes run closed in: what they try to reach of a node is not there for them.

Each attempt shows at a node whose owner has opened it (``--sandbox none``) that it works there.
"""

from __future__ import annotations

import builtins
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bed.loopback import WAIT_S, Box, Boxes
from tests.integration.cantor.tasks import jobs
from tests.integration.cantor.workers.escapes import files, network, processes, system

import cantor
from cantor.base.errors import NeedsError
from cantor.workers.errors import WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cantor.workers.escapes.attempt import Attempt

pytestmark = pytest.mark.integration
SOON_S = 60.0
FOR_OTHERS = ("--workers", "1", "--code-run", "tenant")
TOLD = {"agent", "key", "folder", "port", "control"}
ATTEMPTS = [
    one
    for one in (*files.ATTEMPTS, *processes.ATTEMPTS, *system.ATTEMPTS, *network.ATTEMPTS)
    if one.takes and TOLD.issuperset(one.takes)
]
SENDS = "send_to_loopback"
"""Nobody listens to datagrams there; where there is a network, they go out all the same."""


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        desk = boxes.start("desk", "--workers", "1")
        desk_id = desk.ask("status")["id"]
        boxes.start("wall", *FOR_OTHERS, "--resource", "Wall==1")
        boxes.start("yard", *FOR_OTHERS, "--resource", "Yard==1", "--sandbox", f"{desk_id}=net")
        boxes.start("shed", *FOR_OTHERS, "--resource", "Shed==1", "--sandbox", "none")
        boxes.until_known("desk", "desk", "wall", "yard", "shed")
        boxes.until_known("wall", "wall", "yard", "shed")
        yield boxes
    finally:
        boxes.close()


def told(box: Box) -> dict[str, str | int]:
    """What an attempt may know of the agent that runs it."""
    return {
        "agent": box.process.pid,
        "folder": str(box.folder),
        "key": str(box.folder / "key.pem"),
        "port": int(box.address.rpartition(":")[2]),
        "control": str(box.folder / "control.sock"),
    }


def outcome(attempt: Attempt, box: Box, needs: str) -> str | OSError:
    """What was reached, or why nothing was."""
    function = cantor.task(needs=needs, retries=0)(attempt.function)
    try:
        return function.submit(*attempt.arguments(told(box))).result(SOON_S)
    except OSError as error:
        return error


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[one.name for one in ATTEMPTS])
@pytest.mark.usefixtures("desk")
def test_a_task_of_another_node_reaches_nothing_of_the_agent(
    boxes: Boxes, attempt: Attempt
) -> None:
    can_prove = attempt.proof == "anybody" or (attempt.proof == "root" and os.geteuid() == 0)
    if can_prove:
        reached = outcome(attempt, boxes["shed"], "Shed == 1")
        assert isinstance(reached, str), f"without a sandbox: {reached}"

    assert isinstance(outcome(attempt, boxes["wall"], "Wall == 1"), OSError)


def test_there_are_enough_attempts() -> None:
    assert len(ATTEMPTS) >= 20


@pytest.mark.usefixtures("desk")
def test_a_node_that_is_given_the_network_reaches_it_and_no_more(boxes: Boxes) -> None:
    named = {one.name: one for one in ATTEMPTS}

    for name in ("connect_to_loopback", SENDS):
        assert isinstance(outcome(named[name], boxes["yard"], "Yard == 1"), str)
    for name in ("read_key", "list_state", "signal_agent", "connect_to_control"):
        assert isinstance(outcome(named[name], boxes["yard"], "Yard == 1"), OSError)


@pytest.mark.usefixtures("desk")
def test_its_own_boxs_tasks_are_open_as_long_as_nobody_says_otherwise(boxes: Boxes) -> None:
    key = str(boxes["desk"].folder / "key.pem")

    assert "PRIVATE KEY" in cantor.task(files.read_key).submit(key).result(SOON_S)


def read_below(needs: str, key: str) -> str:
    """Submit an attempt, from inside a task, and tell its error."""
    try:
        return cantor.task(needs=needs, retries=0)(files.read_key).submit(key).result(SOON_S)
    except OSError as error:
        return type(error).__name__


@pytest.mark.parametrize("name", ["wall", "shed"])
@pytest.mark.usefixtures("desk")
def test_what_it_submits_is_no_less_closed_wherever_it_runs(boxes: Boxes, name: str) -> None:
    """Also on a node that would let the node that it came from do anything."""
    below = cantor.task(needs="Wall == 1")(read_below)
    needs, key = f"{name.title()} == 1", str(boxes[name].folder / "key.pem")

    assert below.submit(needs, key).result(SOON_S) == "FileNotFoundError"


@pytest.mark.usefixtures("desk")
def test_arrays_streams_and_nested_tasks_pass_as_elsewhere() -> None:
    @cantor.task(needs="Wall == 1")
    def count_up(most: int) -> Iterator[int]:
        yield from range(most)

    with count_up.stream(50) as numbers:
        assert list(numbers) == list(range(50))
    assert cantor.task(needs="Wall == 1")(jobs.fibonacci.function).submit(4).result(SOON_S) == 3


@pytest.mark.usefixtures("desk")
def test_how_a_closed_worker_died_is_told() -> None:
    die = cantor.task(needs="Wall == 1", retries=0)(jobs.kill_myself)

    with pytest.raises(WorkerDiedError, match="killed by signal 9"):
        die.submit(signal.SIGKILL).result(SOON_S)


def leave_behind(mark: str) -> None:
    builtins.left_behind = mark  # type: ignore[attr-defined]


def find_left() -> str:
    return getattr(builtins, "left_behind", "")


def test_what_one_nodes_task_leaves_in_a_process_no_others_finds(boxes: Boxes) -> None:
    leave, find = (
        cantor.task(needs="Wall == 1")(leave_behind),
        cantor.task(needs="Wall == 1")(find_left),
    )
    with cantor.connect(boxes["desk"].folder):
        leave.submit("mine").result(SOON_S)
        assert find.submit().result(SOON_S) == "mine"  # its worker is a warm one
    boxes.until_known("yard", "wall")
    with cantor.connect(boxes["yard"].folder):
        assert find.submit().result(SOON_S) == ""
    with cantor.connect(boxes["wall"].folder):
        assert find.submit().result(SOON_S) == ""


@pytest.mark.usefixtures("desk")
def test_tasks_ask_for_a_sandbox_by_a_condition(boxes: Boxes) -> None:
    end = time.monotonic() + WAIT_S
    while (status := boxes["wall"].ask("status"))["sandbox"] != "full":
        assert time.monotonic() < end, status

    closed = cantor.task(needs='Sandbox == "full" and Wall == 1')(Path.exists)
    assert closed.submit(Path("/etc/shadow")).result(SOON_S) is False
    with pytest.raises(NeedsError, match="Sandbox"):
        cantor.task(needs='Sandbox == "none" and Wall == 1')(jobs.add).submit(1, 2).result(SOON_S)


def test_a_script_can_be_closed_in_on_its_own_box(tmp_path: Path) -> None:
    boxes = Boxes(tmp_path)
    try:
        desk = boxes.start("desk", "--workers", "1", "--warm-workers", "1", "--sandbox", "own=full")
        boxes.until_known("desk", "desk")
        with cantor.connect(desk.folder), pytest.raises(FileNotFoundError):
            cantor.task(files.read_key).submit(str(desk.folder / "key.pem")).result(SOON_S)
    finally:
        boxes.close()
