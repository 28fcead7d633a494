"""What others push as a filter is opened, and run, closed in; what it tells is bounded."""

from __future__ import annotations

import runpy
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.push.agents import CLOSED, until
from tests.integration.cantor.push.test_filter import (
    code,
    deploy,
    is_in,
    pipeline,
    push,
    source,
)

if TYPE_CHECKING:
    from tests.integration.cantor.push.agents import Box
    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration

AT_OAK = ("--to", 'label.site == "oak"')
TRIES = """
import socket
from pathlib import Path

def tried(what):
    try:
        what()
        return "reached"
    except OSError as error:
        return "held"

def tries():
    here = Path("{folder}")

    def control():
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect("{folder}/control.sock")

    return {{
        "key": tried(lambda: Path("{key}").read_bytes()),
        "state": tried((here / "control.sock").stat),
        "control": tried(control),
        "network": tried(lambda: socket.create_connection(("127.0.0.1", {port}), 1).close()),
        "own": tried(lambda: Path(__file__).read_text()),
        "others": tried(lambda: Path(__file__).write_text(Path(__file__).read_text())),
    }}
"""
HELD = dict.fromkeys(("key", "state", "control", "network", "others"), "held")
FORKS = """
import subprocess, sys
WORD = "{word}"
for _ in range(3):
    subprocess.Popen([sys.executable, "-c", "import time\\nwhile True: time.sleep(1)", WORD],
                     start_new_session=True)
print("three are started")
"""
HUGE = "\n".join(f'    p{n} = Param(str, "", description="x" * 400)' for n in range(60))
LIES = """
import json, os, sys
from pathlib import Path
place = next(word for word in sys.argv if ".told-" in word)
Path(place).write_text({told!r})
os._exit(0)
"""


@pytest.fixture
def oak(trio: Trio) -> Box:
    """A box that closes in what others push."""
    oak = trio.box("oak")
    oak.start(trio.ash.address, words=CLOSED)
    trio.ash.knows(4)
    return oak


def running(word: str) -> list[int]:
    """The processes with that word in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def test_neither_its_opening_nor_its_run_reaches_what_is_the_agents(
    trio: Trio, oak: Box, tmp_path: Path
) -> None:
    key = next(path for path in oak.folder.rglob("*key*") if path.is_file())
    port = int(oak.address.rpartition(":")[2])
    tries = TRIES.format(folder=oak.folder, key=key, port=port)
    (tmp_path / "here.py").write_text(tries)
    found = runpy.run_path(str(tmp_path / "here.py"))  # as anybody on this machine would
    assert set(found["tries"]().values()) == {"reached"}

    text = source("closed", opens="self.held = tries()")
    text = tries + text.replace('"revision": "closed"', '"run": self.held')
    text = text.replace("class Mark", "print(tries())\n\n\nclass Mark")
    push(trio.ash, code(tmp_path / "code", text), *AT_OAK, "--hold", "0.3")

    lines = trio.ash.run("service", "logs", "marks").stdout
    opened = next(line for line in lines.splitlines() if "{'key'" in line)
    assert str(tried := HELD | {"own": "reached"}).count("held") == opened.count("held") == 5
    assert "'own': 'reached'" in opened

    made = deploy(oak, pipeline(tmp_path))  # its own box: the push by ash closes it in
    is_in(oak, made, "finished")
    report = oak.ask("pipeline.reports", id=made)["mark"]
    assert report["run"] == tried
    assert report["seen"] == 40


def test_what_its_opening_has_started_is_ended_with_it(
    trio: Trio, oak: Box, tmp_path: Path
) -> None:
    word = f"left-{time.time_ns()}"
    push(
        trio.ash,
        code(tmp_path / "code", FORKS.format(word=word) + source("x")),
        *AT_OAK,
        "--hold",
        "0.3",
    )

    assert trio.ash.states("marks")["oak"] == ("running", 1)
    assert "three are started" in trio.ash.run("service", "logs", "marks").stdout
    until(lambda: running(word) == [], lambda: running(word))


def test_what_it_tells_has_bounds_and_is_checked_where_it_cannot_reach(
    trio: Trio, oak: Box, tmp_path: Path
) -> None:
    parts = {
        "huge": (source("x", more=HUGE.strip()), "more than 16 KiB"),
        "lies": (LIES.format(told='{"filters": [{"type": "Mark", "work": 1e400}]}'), "no mapping"),
        "deep": (LIES.format(told="[" * 16000), "what it tells is no JSON"),
        "much": (LIES.format(told="x" * 20000), "more than 16 KiB"),
        "silent": ("import os\nos._exit(0)\n", "its classes tell nothing"),
    }
    for name, (text, _) in parts.items():
        push(trio.ash, code(tmp_path / name, text), "--name", name, *AT_OAK, "--no-wait")

    for name, (_, why) in parts.items():
        trio.ash.until(name, oak=("failing", 0))
        assert why in trio.ash.view(name)["nodes"][0]["why"], trio.ash.view(name)
    assert "/Mark" not in oak.run("filter", "list").stdout
