"""``cantor push`` of a task: submitted by name on the nodes that have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.push.agents import until

import cantor
from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cantor.push.agents import Box
    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration

MANIFEST = "name: photos\nkind: task\nfunctions: [photos:shrink]\n"
ON_TWO = 'label.site in ["birch", "cedar"]'
GOOD = "def shrink(width, by=2):\n    return ['{note}', width // by]\n"
MISSING = "import no_such_module\n\ndef shrink(width, by=2):\n    return width\n"
FAILING = "def shrink(width, by=2):\n    raise RuntimeError('no camera')\n"
HOME = """
import os

def shrink():
    return os.getpid(), open("/proc/self/status").read().split("Seccomp:")[1].split()[0]
"""
HOLD = ("--hold", "0.3")


def code(folder: Path, main: str, manifest: str = MANIFEST) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "photos.py").write_text(main)
    (folder / "service.yaml").write_text(manifest)
    return str(folder)


def push(box: Box, *words: str) -> None:
    done = box.run("push", *words)
    assert done.returncode == 0, done.stdout + done.stderr


def has(box: Box, number: int) -> bool:
    """Whether a box knows a node with that revision of the task."""
    return box.run("nodes", "--needs", f"Task.photos == {number}").returncode == 0


def submit(box: Box, *words: str) -> tuple[int, str]:
    done = box.run("task", "submit", *words)
    return done.returncode, (done.stdout + done.stderr).strip()


def test_a_pushed_task_is_submitted_by_its_name(trio: Trio, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    push(trio.ash, code(folder, GOOD.format(note="one")), "--to", ON_TWO, *HOLD)

    assert submit(trio.ash, "photos", "[64]") == (0, "['one', 32]")
    assert submit(trio.cedar, "photos.shrink", '{"width": 64, "by": 8}') == (0, "['one', 8]")
    assert trio.ash.states("photos") == {"birch": ("running", 1), "cedar": ("running", 1)}
    with cantor.connect(trio.ash.folder):
        task = cantor.pushed("photos")
        assert [task.submit(n).result() for n in (2, 4)] == [["one", 1], ["one", 2]]

    push(trio.birch, code(folder, GOOD.format(note="two")), *HOLD)  # every node this time
    assert submit(trio.ash, "photos", "[64]") == (0, "['two', 32]")
    assert trio.birch.run("service", "return", "photos").returncode == 0
    trio.ash.until("photos", birch=("running", 3), cedar=("running", 3))
    assert submit(trio.ash, "photos", "[64]") == (0, "['one', 32]")


def test_only_nodes_that_have_it_run_it(trio: Trio, tmp_path: Path) -> None:
    folder = code(tmp_path / "code", GOOD.format(note="one"))
    push(trio.ash, folder, "--to", 'label.site == "birch"', *HOLD)

    with cantor.connect(trio.ash.folder):
        done = [cantor.pushed("photos").submit(8) for _ in range(5)]
        assert all(one.result() for one in done)
    told = trio.ash.ask("tasks.page", at="", states=[], project="", function="", limit=10)
    assert {row["node"] for row in told["rows"]} == {trio.birch.id}


def test_a_revision_that_cannot_be_imported_is_returned_from(trio: Trio, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    push(trio.ash, code(folder, GOOD.format(note="one")), "--to", ON_TWO, *HOLD)
    done = trio.ash.run("push", code(folder, MISSING), "--to", ON_TWO, "--canary", "1")

    assert done.returncode == 1, done.stdout
    trio.ash.until("photos", birch=("running", 3), cedar=("running", 3))
    assert "failed on" in trio.ash.view("photos")["why"]
    assert submit(trio.ash, "photos", "[64]") == (0, "['one', 32]")


def test_runs_that_fail_on_trial_return_a_revision(trio: Trio, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    only = 'label.site == "birch"'
    push(trio.ash, code(folder, GOOD.format(note="one")), "--to", only, *HOLD)
    words = ("--to", only, "--canary", "1", "--hold", "60", "--no-wait")
    push(trio.ash, code(folder, FAILING), *words)

    def ran() -> str:
        with cantor.connect(trio.ash.folder):
            try:
                return str(cantor.pushed("photos").submit(64).result()[0])
            except RuntimeError as error:
                return str(error)

    for _ in range(3):  # between them it is checked anew
        trio.ash.until("photos", birch=("trial", 2))
        until(lambda: has(trio.ash, 2), lambda: trio.ash.ask("nodes"))
        assert ran() == "no camera"
        until(lambda: trio.ash.states("photos")["birch"] != ("trial", 2), trio.ash.log)
    trio.ash.until("photos", birch=("running", 3))
    assert "a run failed: RuntimeError: no camera" in trio.ash.view("photos")["why"]
    assert ran() == "one"


def test_it_runs_as_closed_as_its_push_says(trio: Trio, tmp_path: Path) -> None:
    oak = trio.box("oak")
    oak.start(trio.ash.address, words=("--code-run", "tenant"))  # closes what others push
    trio.ash.knows(4)
    push(trio.ash, code(tmp_path / "code", HOME), "--to", 'label.site == "oak"', *HOLD)

    state, told = submit(oak, "photos")  # its own box submits: the push by ash closes it in
    assert state == 0, told
    assert told.endswith("'2')"), told


def test_what_is_wrong_is_said_at_once(trio: Trio, tmp_path: Path) -> None:
    ash, folder = trio.ash, tmp_path / "code"

    def refused(*words: str) -> str:
        done = ash.run(*words)
        assert done.returncode in (2, 69), done.stdout + done.stderr
        return done.stderr

    good = GOOD.format(note="one")
    assert "there is no such task" in refused("task", "submit", "photos")
    assert "kind: expected one of" in refused("push", code(folder, good, "kind: widget\n"))
    assert "names 1 to" in refused("push", code(folder, good, "kind: task\n"))
    elsewhere = code(folder, good, MANIFEST.replace("photos:", "films:"))
    assert "there is no module films" in refused("push", elsewhere)
    push(ash, code(folder, good), "--to", 'label.site == "elm"', "--no-wait")
    assert "no node has that task now" in refused("task", "submit", "photos")
    push(ash, code(folder, good), "--to", 'label.site == "ash"', *HOLD)
    assert "has no function grow" in refused("task", "submit", "photos.grow")
    assert "no JSON" in refused("task", "submit", "photos", "[64")
    (folder / "main.py").write_text("")
    service = code(folder, good, "name: photos\n")
    assert "taken by a task" in refused("push", service)
    code(folder, good)
    assert "taken by project default" in refused("push", str(folder), "--project", "other")
    assert submit(ash, "photos", "[]")[0] == 70


def test_a_script_that_is_not_connected_is_told() -> None:
    with pytest.raises(ConfigError, match="not connected"):
        cantor.pushed("photos").submit()
