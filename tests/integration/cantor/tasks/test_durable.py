"""Durable tasks of real programs and agents: nothing that was acknowledged is lost to kill -9."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.errors import ConfigError, LocalProtocolError, UnavailableError
from cantor.cli.main import main
from cantor.stores.errors import StoreError
from cantor.workers.errors import UnknownTaskError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
SOON_S = 30.0
ADD = cantor.task(durable=True)(jobs.add)
FAIL = cantor.task(durable=True)(jobs.fail)
NOTE_AND_WAIT = cantor.task(durable=True)(jobs.note_and_wait)
WAIT_FOR = cantor.task(durable=True)(jobs.wait_for)


@cantor.task
def submits_a_durable_one() -> int:
    return ADD.submit(1, 2).result()


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path / "mesh")
    try:
        boxes.start("desk", "--workers", "1")
        yield boxes
    finally:
        boxes.close()


def test_a_result_is_found_after_its_agent_was_killed(boxes: Boxes) -> None:
    with cantor.connect(boxes["desk"].folder):
        future, failed = ADD.submit(1, 2), FAIL.submit("no")
        known = [future.task_id, failed.task_id]
        assert future.result(SOON_S) == 3
        with pytest.raises(ValueError, match="no"):
            failed.result(SOON_S)
    boxes["desk"].kill()
    boxes.start("desk", "--workers", "1")
    with cantor.connect(boxes["desk"].folder) as mesh:
        assert mesh.result(known[0], SOON_S) == 3
        with pytest.raises(ValueError, match="no"):
            cantor.find_task(known[1]).result(SOON_S)
        with pytest.raises(UnknownTaskError, match="no such task"):
            mesh.result("0" * 32, SOON_S)


def test_a_script_that_submits_while_it_is_loaded_is_told_what_to_do(
    boxes: Boxes, tmp_path: Path
) -> None:
    script = tmp_path / "bare.py"
    script.write_text(
        "import cantor\n@cantor.task(durable=True)\ndef one(): return 1\none.submit().result()\n",
        encoding="utf-8",
    )
    words = ("-m", "cantor.cli.main", "run", "--data", str(boxes["desk"].folder), str(script))

    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=SOON_S)

    assert done.returncode != 0
    assert 'put what submits under if __name__ == "__main__":' in done.stderr


def test_what_was_acknowledged_runs_again_after_its_agent_was_killed(
    boxes: Boxes, tmp_path: Path
) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    with cantor.connect(boxes["desk"].folder) as mesh:
        futures: list[cantor.Future[Any]] = [
            NOTE_AND_WAIT.submit(str(begun), str(go)),
            ADD.submit(20, 3),
        ]
        known = [future.task_id for future in futures]
        until(begun.exists)
        boxes["desk"].kill()
        for future in futures:
            with pytest.raises(UnavailableError, match="is kept"):
                future.result(SOON_S)
        mesh.close(kill=True)
    begun.unlink()
    boxes.start("desk", "--workers", "1")
    until(begun.exists)
    with cantor.connect(boxes["desk"].folder):
        found = [cantor.find_task(task) for task in known]
        assert not found[0].done()
        go.touch()
        assert [future.result(SOON_S) for future in found] == [None, 23]


def test_tasks_go_on_without_the_program_that_submitted_them(boxes: Boxes, tmp_path: Path) -> None:
    script, go = tmp_path / "script.py", tmp_path / "go"
    script.write_text(
        "import cantor, sys\n"
        "from tests.integration.cantor.tasks import jobs\n"
        "cantor.connect(sys.argv[1])\n"
        "future = cantor.task(durable=True)(jobs.wait_for).submit(sys.argv[2])\n"
        "print(future.task_id, flush=True)\n"
        "future.result()\n",
        encoding="utf-8",
    )
    folder = str(boxes["desk"].folder)
    with subprocess.Popen(
        [sys.executable, str(script), folder, str(go)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as program:  # fmt: skip
        assert program.stdout is not None
        known = program.stdout.readline().strip()
        program.kill()
    assert [row["id"] for row in boxes["desk"].rows()] == [known]
    go.touch()
    with cantor.connect(boxes["desk"].folder) as mesh:
        assert mesh.result(known, SOON_S) > 0


def test_a_worker_that_dies_costs_a_durable_task_an_attempt(boxes: Boxes, tmp_path: Path) -> None:
    with cantor.connect(boxes["desk"].folder):
        die_once = cantor.task(durable=True)(jobs.die_once)
        assert die_once.submit(str(tmp_path / "died")).result(SOON_S) == "second attempt"
        kill = cantor.task(durable=True, retries=0)(jobs.kill_myself).submit(9)
        with pytest.raises(WorkerDiedError):
            kill.result(SOON_S)
        kept = {row["id"]: row for row in boxes["desk"].ask("tasks.kept")["results"]}
        assert kept[kill.task_id]["state"] == "died"


def test_a_disk_that_refuses_is_an_error_and_nothing_acknowledged_is_lost(
    boxes: Boxes, tmp_path: Path
) -> None:
    """The agent may write no file beyond what it has: the kernel refuses the next page (EFBIG)."""
    box, go = boxes["desk"], tmp_path / "go"
    with cantor.connect(box.folder) as mesh:
        waits = WAIT_FOR.submit(str(go))
        known = waits.task_id
        _, hard = resource.prlimit(box.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(box.process.pid, resource.RLIMIT_FSIZE, (1, hard))
        refused = ADD.submit(1, 2)
        with pytest.raises(StoreError, match="cannot be written") as told:
            refused.result(SOON_S)
        with pytest.raises(StoreError):
            _ = refused.task_id
        assert "I/O" in str(told.value) or "full" in str(told.value)
        go.touch()
        with pytest.raises(StoreError, match="cannot be written"):
            waits.result(SOON_S)  # it has a result, which is not kept yet
        resource.prlimit(box.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert mesh.result(known, SOON_S) > 0
        assert ADD.submit(3, 4).result(SOON_S) == 7


def test_one_that_may_run_once_is_lost_with_its_agent(boxes: Boxes, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    once = cantor.task(durable=True, at_most_once=True)(jobs.note_and_wait)
    with cantor.connect(boxes["desk"].folder) as mesh:
        known = once.submit(str(begun), str(tmp_path / "never")).task_id
        until(begun.exists)
        boxes["desk"].kill()
        mesh.close(kill=True)
    begun.unlink()
    boxes.start("desk", "--workers", "1")
    with cantor.connect(boxes["desk"].folder) as mesh:
        with pytest.raises(WorkerDiedError, match="only once"):
            mesh.result(known, SOON_S)
        assert not begun.exists()


def test_a_task_for_another_node_waits_until_that_is_there_again(
    boxes: Boxes, tmp_path: Path
) -> None:
    wall = ("--workers", "1", "--code-run", "tenant", "--sandbox", "none",
            "--resource", "Camera9==1")  # fmt: skip
    boxes.start("wall", *wall)
    boxes.until_known("desk", "wall")
    begun, go = tmp_path / "begun", tmp_path / "go"
    there = cantor.task(durable=True, needs="Camera9 == 1", retries=0)(jobs.note_and_wait)
    with cantor.connect(boxes["desk"].folder) as mesh:
        known = there.submit(str(begun), str(go)).task_id
        until(begun.exists)
        boxes["desk"].kill()
        mesh.close(kill=True)
    boxes["wall"].stop()
    begun.unlink()
    del boxes.boxes["wall"]
    boxes.start("desk", "--workers", "1")
    assert [row["state"] for row in boxes["desk"].rows()] == ["waits"]
    boxes.start("wall", *wall)
    until(begun.exists)
    go.touch()
    with cantor.connect(boxes["desk"].folder) as mesh:
        assert mesh.result(known, SOON_S) is None


def test_the_command_line_shows_what_is_kept(
    boxes: Boxes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = str(boxes["desk"].folder)
    with cantor.connect(boxes["desk"].folder):
        known = ADD.submit(40, 2).task_id
        waits = WAIT_FOR.submit(str(tmp_path / "go"))
        capsys.readouterr()
        assert main(["task", "result", known, "--wait", "30", "--data", folder]) == 0
        assert capsys.readouterr().out == "42\n"
        assert main(["task", "kept", "--data", folder]) == 0
        told = capsys.readouterr().out
        assert known in told
        assert "7 days" in told
        assert main(["task", "kept", "--json", "--data", folder]) == 0
        assert json.loads(capsys.readouterr().out)["limits"]["tasks_max"] > 0
        assert main(["task", "forget", known, "--data", folder]) == 0
        assert main(["task", "forget", known, "--data", folder]) == 2
        capsys.readouterr()
        assert main(["task", "result", known, "--data", folder]) == 2
        assert f"cantor: {known}: no such task is kept here" in capsys.readouterr().err
        (number,) = [row["task"] for row in boxes["desk"].rows() if row["id"] == waits.task_id]
        assert main(["task", "cancel", str(number), "--data", folder]) == 0
        with pytest.raises(CancelledError):
            waits.result(SOON_S)


def test_a_folder_keeps_tasks_without_an_agent(tmp_path: Path) -> None:
    store, go = tmp_path / "store", tmp_path / "go"
    with cantor.local(1, store=store) as here:
        future = ADD.submit(1, 2)
        assert future.result(SOON_S) == 3
        assert list(ADD.map([1, 2], [3, 4])) == [4, 6]
        waits = WAIT_FOR.submit(str(go))
        known = [future.task_id, waits.task_id]
        with pytest.raises(StoreError, match="another process"):
            cantor.local(1, store=store)
        here.close(kill=True)
        with pytest.raises(UnavailableError, match="runs again"):
            waits.result(SOON_S)
    go.touch()
    with cantor.local(1, store=store) as here:
        assert here.result(known[0], SOON_S) == 3
        assert here.result(known[1], SOON_S) > 0
        cancelled = WAIT_FOR.submit(str(tmp_path / "never"))
        assert cancelled.task_id
        assert cancelled.cancel()


def test_a_program_that_was_killed_runs_its_tasks_when_it_comes_back(tmp_path: Path) -> None:
    script, store, go = tmp_path / "script.py", tmp_path / "store", tmp_path / "go"
    script.write_text(
        "import cantor, sys\n"
        "from tests.integration.cantor.tasks import jobs\n"
        "if __name__ == '__main__':\n"
        "    with cantor.local(1, store=sys.argv[1]):\n"
        "        future = cantor.task(durable=True)(jobs.wait_for).submit(sys.argv[2])\n"
        "        print(future.task_id, flush=True)\n"
        "        future.result()\n",
        encoding="utf-8",
    )
    with subprocess.Popen(
        [sys.executable, str(script), str(store), str(go)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as program:  # fmt: skip
        assert program.stdout is not None
        known = program.stdout.readline().strip()
        os.kill(program.pid, signal.SIGKILL)
    go.touch()
    with cantor.local(1, store=store) as here:
        assert here.result(known, SOON_S) > 0


def test_where_nothing_is_kept_durable_tasks_are_refused(tmp_path: Path) -> None:
    with cantor.local(1):
        with pytest.raises(ConfigError, match="need a disk"):
            ADD.submit(1, 2)
        with pytest.raises(ConfigError, match="need a disk"):
            cantor.find_task("0" * 32)
        with pytest.raises(ConfigError, match="stream is not durable"):
            ADD.stream(1, 2)
        with pytest.raises(ConfigError, match="group is not durable"):
            ADD.call(1, 2)
        plain = ADD.options(durable=False).submit(1, 2)
        assert plain.result(SOON_S) == 3
        with pytest.raises(LocalProtocolError, match="durable=True"):
            _ = plain.task_id
    with cantor.local(1, store=tmp_path), pytest.raises(ConfigError, match="not by tasks"):
        submits_a_durable_one.submit().result(SOON_S)
