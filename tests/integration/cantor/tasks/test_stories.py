"""What is remembered of tasks at two real agents, and asked from the other one."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed import waiting
from tests.bed.loopback import Boxes
from tests.integration.cantor.tasks import jobs
from tests.integration.cantor.tasks.conftest import script_at

import cantor
from cantor.base.errors import ConfigError, NeedsError
from cantor.cli.main import main
from cantor.workers.errors import WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("desk")]
SOON_S = 30.0
until = partial(waiting.until, within_s=SOON_S)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", "--workers", "2", "--code-run", "tenant", "--sandbox", "none",
                    "--resource", "Camera9==1", "--resource", "Licence=1")  # fmt: skip
        boxes.until_known("desk", "desk", "wall")
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
def desk(boxes: Boxes) -> Iterator[None]:
    """This test is a script of the box ``desk``; what it leaves behind is ended."""
    with script_at(boxes["desk"]):
        yield


def tells(text: str) -> str:
    """Says something in every way there is, and fails."""
    cantor.progress(0.5, "half")
    os.write(2, b"hmm\n")
    print(text)  # noqa: T201 (what the test is about)
    raise KeyError(text)


def submits(text: str) -> str:
    """What a task of its own has returned."""
    return cantor.task(upper).submit(text).result()


def upper(text: str) -> str:
    return text.upper()


class Counter:
    """Adds up."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, number: int) -> int:
        self._sum += number
        return self._sum


def page(boxes: Boxes, at: str = "desk", **args: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    rows: list[dict[str, Any]] = boxes[at].ask("tasks.page", **args)["rows"]
    return rows


def newest(boxes: Boxes, name: str) -> dict[str, Any]:
    return page(boxes, function=name)[0]


def run(boxes: Boxes, *words: str, at: str = "desk") -> int:
    return main(["task", *words, "--data", str(boxes[at].folder)])


def test_the_story_of_a_task_that_failed_elsewhere(
    boxes: Boxes, capsys: pytest.CaptureFixture[str]
) -> None:
    future = cantor.task(needs="Camera9 == 1")(tells).submit("seen")
    with pytest.raises(KeyError):
        future.result(SOON_S)

    row = newest(boxes, "tells")
    assert (row["state"], row["why"], row["node_name"]) == ("failed", "KeyError: 'seen'", "wall")
    capsys.readouterr()  # what it printed came here as well
    assert run(boxes, "show", str(row["number"]), "--json") == 0
    told = json.loads(capsys.readouterr().out)

    (attempt,) = told["attempts"]
    assert attempt["node_name"] == "wall"
    assert attempt["worker"] > 0
    assert attempt["sent"] <= attempt["started"] <= attempt["ended"]
    assert told["task"]["submitted"] <= attempt["sent"]
    assert told["error"]["type"] == "KeyError"
    assert "raise KeyError(text)" in told["error"]["traceback"]
    assert "".join(text for stream, text in told["output"] if stream == 1) == "seen\n"
    assert "".join(text for stream, text in told["output"] if stream == 2) == "hmm\n"
    assert (told["task"]["progress"], told["progress_text"]) == (0.5, "half")

    assert run(boxes, "show", row["id"], at="wall") == 0
    text = capsys.readouterr().out
    assert "! hmm" in text
    assert "KeyError" in text
    assert run(boxes, "logs", str(row["number"])) == 0
    assert "seen" in capsys.readouterr().out


def test_what_dies_and_begins_anew_tells_of_both_attempts(boxes: Boxes, tmp_path: Path) -> None:
    once = cantor.task(needs="Camera9 == 1", retries=1)(jobs.die_once)

    assert once.submit(str(tmp_path / "died")).result(SOON_S) == "second attempt"

    row = newest(boxes, "die_once")
    told = boxes["desk"].ask("tasks.story", task=row["id"])
    first, second = told["attempts"]
    assert (first["end"], first["why"]) == ("died", "its worker was killed by signal 9")
    assert (second["end"], row["state"], row["attempts"]) == ("done", "done", 2)
    assert first["worker"] != second["worker"]


def test_what_dies_for_good_says_so(boxes: Boxes) -> None:
    with pytest.raises(WorkerDiedError):
        cantor.task(jobs.kill_myself).submit(signal.SIGKILL).result(SOON_S)

    row = newest(boxes, "kill_myself")
    assert (row["state"], row["why"]) == ("died", "its worker was killed by signal 9")


def test_of_what_a_node_has_it_is_known_what_runs_and_what_waits(
    boxes: Boxes, tmp_path: Path
) -> None:
    task = cantor.task(needs="Licence = 1")(jobs.note_and_wait)
    begun, end = tmp_path / "begun", tmp_path / "end"
    first = task.submit(str(begun), str(end))
    until(begun.exists)
    second = task.submit(str(tmp_path / "second"), str(end))

    def states() -> list[tuple[str, str]]:
        return [(row["state"], row["why"]) for row in page(boxes, function="note_and_wait")]

    until(lambda: states() == [("waits", "it waits for units that others use"), ("runs", "")])
    running = boxes["desk"].ask("tasks.story", task=page(boxes, function="note_and_wait")[1]["id"])
    assert running["attempts"][0]["worker"] > 0
    assert running["task"]["started"] is not None
    end.touch()
    first.result(SOON_S)
    second.result(SOON_S)
    assert [state for state, _ in states()] == ["done", "done"]


def test_whoever_follows_hears_of_each_change_and_of_nothing_else(
    boxes: Boxes, tmp_path: Path
) -> None:
    desk, wall = boxes["desk"].ask("status")["id"], boxes["wall"]
    before = wall.ask("tasks.changes", at=desk, window=5)
    nothing = {"at": desk, "window": 5, "life": before["life"], "since": before["revision"]}
    assert wall.ask("tasks.changes", **nothing)["rows"] == []

    future = cantor.task(jobs.note_and_wait).submit(str(tmp_path / "begun"), str(tmp_path / "end"))
    told = wall.ask("tasks.changes", wait_s=SOON_S / 2, **nothing)
    (row,) = told["rows"]
    assert (row["name"], row["home"], row["state"]) == ("note_and_wait", desk, row["state"])
    assert told["revision"] > before["revision"]
    assert told["counts"]["done"] == before["counts"]["done"]
    (tmp_path / "end").touch()
    future.result(SOON_S)
    after = wall.ask("tasks.changes", at=desk, window=5, life=told["life"], since=told["revision"])
    assert [(one["id"], one["state"]) for one in after["rows"]] == [(row["id"], "done")]
    assert after["counts"]["done"] == before["counts"]["done"] + 1
    assert len(wall.ask("tasks.changes", at=desk, window=2, life=7777)["rows"]) == 2


def test_tasks_of_all_nodes_are_one_list(boxes: Boxes, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        cantor.task(jobs.add).submit(number, 1).result(SOON_S)
    with cantor.connect(boxes["wall"].folder):
        cantor.task(jobs.add).submit(7, 7).result(SOON_S)

    def ids(*words: str) -> list[str]:
        assert run(boxes, "list", "--state", "done", "--function", "add", "--json", *words) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["missing"] == []
        return [row["id"] for row in told["rows"]]

    both = ids("--all")
    assert len(both) == 4
    assert both[0].startswith(boxes["wall"].ask("status")["id"])
    assert ids("--node", "wall") == both[:1]
    assert ids() == both[1:]
    assert ids("--all", "--limit", "2") == both[:2]
    whole = boxes["desk"].ask("tasks.page", at="*", function="add", limit=2)
    assert whole["more"]
    last = whole["rows"][-1]
    rest = page(boxes, at="desk", function="add", before=[last["submitted"], last["id"]])
    assert [row["id"] for row in rest] == both[2:]
    assert run(boxes, "list", "--all", "--state", "all") == 0
    assert both[0][:8] in capsys.readouterr().out


def test_a_task_s_own_tasks_say_whose_they_are(boxes: Boxes) -> None:
    assert cantor.task(submits).submit("inner").result(SOON_S) == "INNER"

    outer, inner = newest(boxes, "submits"), newest(boxes, "upper")
    assert inner["parent"] == outer["id"]
    assert outer["parent"] == ""
    assert [row["id"] for row in page(boxes, parent=outer["id"])] == [inner["id"]]


def test_a_task_is_cancelled_from_another_node_and_only_once(
    boxes: Boxes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = tmp_path / "begun"
    future = cantor.task(jobs.note_and_wait).submit(str(begun), jobs.NEVER)
    until(begun.exists)
    name = newest(boxes, "note_and_wait")["id"]

    assert run(boxes, "cancel", name, at="wall") == 0
    until(future.cancelled)
    assert run(boxes, "cancel", name, at="wall") == 2
    assert "it has ended already: cancelled" in capsys.readouterr().err


def test_a_durable_task_is_found_by_its_own_id(boxes: Boxes) -> None:
    future = cantor.task(durable=True)(jobs.add).submit(20, 22)
    assert future.result(SOON_S) == 42

    told = boxes["desk"].ask("tasks.story", task=future.task_id)
    assert told["task"]["durable_id"] == future.task_id
    assert told["task"]["state"] == "done"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "999999"], "no task '999999' is remembered"),
        (["show", "nobody-1-1"], "no node is called 'nobody'"),
        (["show", "what?"], "not a task: 'what?'"),
        (["list", "--state", "done,gone"], "no state of a task: 'gone'"),
        (["list", "--limit", "0"], "a number from 1 to 200"),
        (["logs", "0" * 32], "is remembered"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    boxes: Boxes, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(boxes, *words) == 2
    assert said in capsys.readouterr().err


def test_a_node_that_is_away_is_named(boxes: Boxes) -> None:
    with pytest.raises(ConfigError):
        boxes["desk"].ask("tasks.page", at="nobody")
    gone = boxes.start("roof", "--workers", "1")
    boxes.until_known("desk", "desk", "wall")
    until(lambda: any(view["name"] == "roof" for view in boxes["desk"].ask("nodes")))
    os.kill(gone.process.pid, signal.SIGSTOP)
    try:
        told = boxes["desk"].ask("tasks.page", at="roof", limit=1)
    finally:
        os.kill(gone.process.pid, signal.SIGCONT)
    assert [one["name"] for one in told["missing"]] == ["roof"]


def test_what_no_node_can_run_and_what_was_lost_say_why(boxes: Boxes, tmp_path: Path) -> None:
    with pytest.raises(NeedsError):
        cantor.task(needs="Moon == 1")(jobs.add).submit(1, 2).result(SOON_S)
    never = newest(boxes, "add")
    assert never["state"] == "failed"
    assert never["why"].startswith("can never be met: ")
    assert (
        boxes["desk"].ask("tasks.story", task=never["id"])["error"]["type"].endswith("NeedsError")
    )

    shed = boxes.start("shed", "--code-run", "tenant", "--sandbox", "none", "--resource", "Kiln==1")
    boxes.until_known("desk", "desk", "wall", "shed")
    begun = tmp_path / "begun"
    once = cantor.task(needs="Kiln == 1", at_most_once=True)(jobs.note_and_wait)
    future = once.submit(str(begun), jobs.NEVER)
    until(begun.exists)
    shed.kill()
    with pytest.raises(WorkerDiedError):
        future.result(SOON_S)
    lost = newest(boxes, "note_and_wait")
    assert (lost["state"], lost["why"]) == ("lost", "node shed, which ran it, was lost")


def test_an_actor_is_remembered_from_its_start_to_its_end(boxes: Boxes) -> None:
    counter = cantor.actor(needs="Camera9 == 1")(Counter).start()
    assert counter.add(3) == 3

    lives = newest(boxes, "Counter")
    assert (lives["kind"], lives["state"], lives["node_name"]) == ("actor", "runs", "wall")
    assert lives["actor"].startswith(lives["home"])
    counter.close()
    until(lambda: newest(boxes, "Counter")["state"] == "done")
    assert newest(boxes, "Counter")["number"] == lives["number"]


def test_the_tasks_of_a_group_share_its_name(boxes: Boxes) -> None:
    add = cantor.task(needs="Camera9 == 1")(jobs.add)
    fail = cantor.task(needs="Camera9 == 1")(jobs.fail)
    group = cantor.group([add.call(1, 2), fail.call("no")], keep_going=True)
    with pytest.raises(ValueError, match="no"):
        group.results(SOON_S)
    until(lambda: newest(boxes, "add")["state"] == "done")

    added, failed = newest(boxes, "add"), newest(boxes, "fail")
    assert added["group"] == failed["group"] != ""
    assert (added["kind"], failed["state"], failed["why"]) == ("task", "failed", "ValueError: no")


def test_a_group_that_waits_is_seen_and_leaves_nothing_behind(boxes: Boxes, tmp_path: Path) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    holds = cantor.task(needs="Licence = 1")(jobs.note_and_wait).submit(str(begun), str(end))
    until(begun.exists)
    group = cantor.group(
        [cantor.task(upper).call("a"), cantor.task(needs="Licence = 1")(upper).call("b")]
    )

    def waiting_for() -> set[str]:
        rows = page(boxes, function="upper", states=["waits"])
        return {row["why"] for row in rows if row["group"]}

    until(lambda: "it waits for those that begin with it" in waiting_for())
    group.cancel()
    until(lambda: not waiting_for())
    assert all(row["state"] != "cancelled" for row in page(boxes, function="upper"))
    end.touch()
    holds.result(SOON_S)
