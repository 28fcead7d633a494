"""``cantor push`` between agents that are processes of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.push.agents import PROGRAM, WAIT_S, Box, is_running, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration

MANIFEST = "name: counter\nhealth: {ready: ready, hold: 300ms}\n"
CALM = """
import os, pathlib, sys, time
pathlib.Path(os.environ["CANTOR_DATA"], "pid").write_text(str(os.getpid()))
print("ready, revision", os.environ["CANTOR_REVISION"], "on", os.environ["CANTOR_NODE"])
while True:
    time.sleep(0.1)
"""
BROKEN = "import sys\nsys.exit('no camera')\n"
ESCAPING = """
import os, pathlib, subprocess, sys, time
data = pathlib.Path(os.environ["CANTOR_DATA"])
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
(data / "child").write_text(str(child.pid))
(data / "pid").write_text(str(os.getpid()))
print("ready")
while True:
    time.sleep(0.1)
"""


def code(folder: Path, main: str, manifest: str = MANIFEST) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(main)
    (folder / "service.yaml").write_text(manifest)
    return str(folder)


def pid(box: Box, file: str = "pid") -> int:
    return int((box.folder / "services" / "default.counter" / "data" / file).read_text())


def test_a_folder_runs_on_the_nodes_that_meet_the_needs(trio: Trio, tmp_path: Path) -> None:
    needs = 'label.site in ["birch", "cedar"]'
    done = trio.ash.run("push", code(tmp_path / "code", CALM), "--to", needs)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "counter is revision 1" in done.stdout
    assert trio.cedar.states("counter") == {"birch": ("running", 1), "cedar": ("running", 1)}
    printed = trio.ash.run("service", "logs", "counter", "--json").stdout
    told = [json.loads(line) for line in printed.splitlines()]
    assert {row["name"]: row["text"] for row in told} == {
        "birch": "ready, revision 1 on birch",
        "cedar": "ready, revision 1 on cedar",
    }
    birch = pid(trio.birch)
    assert is_running(birch)

    listed = trio.cedar.run("service", "list").stdout
    assert listed.splitlines()[1].split() == ["counter", "1", "birch", "running"]
    assert trio.cedar.run("service", "stop", "counter").stdout == "counter is stopped\n"
    until(lambda: not is_running(birch), trio.birch.log)


def test_a_revision_that_crashes_returns_by_itself(trio: Trio, tmp_path: Path) -> None:
    needs = 'label.site == "birch"'
    trio.ash.run("push", code(tmp_path / "code", CALM), "--to", needs)

    done = trio.ash.run("push", code(tmp_path / "code", BROKEN), "--to", needs)

    assert done.returncode == 1
    assert "returned: exit code 1" in done.stdout
    assert trio.cedar.states("counter") == {"birch": ("returned", 1)}
    assert is_running(pid(trio.birch))
    assert "no camera" in trio.ash.run("service", "logs", "counter").stdout


def test_a_canary_that_fails_returns_all_and_says_why(trio: Trio, tmp_path: Path) -> None:
    trio.ash.run("push", code(tmp_path / "code", CALM))
    before = {box.id: pid(box) for box in (trio.ash, trio.birch, trio.cedar)}

    done = trio.ash.run("push", code(tmp_path / "code", BROKEN), "--canary", "1")

    assert done.returncode == 1
    assert "returned: revision 2 failed on" in done.stdout
    trio.cedar.until("counter", **dict.fromkeys(("ash", "birch", "cedar"), ("running", 3)))
    (canary,) = (row["by"] for row in [trio.ash.view("counter")])
    after = {box.id: pid(box) for box in (trio.ash, trio.birch, trio.cedar)}
    assert {one for one in before if before[one] != after[one]} <= {canary}
    history = trio.ash.run("service", "history", "counter").stdout
    assert [line.split()[0] for line in history.splitlines()] == ["REVISION", "3", "2", "1"]
    assert "failed" in history.splitlines()[2]


def test_a_node_that_joins_later_runs_it_without_who_has_pushed(trio: Trio, tmp_path: Path) -> None:
    trio.ash.run("push", code(tmp_path / "code", CALM))
    trio.ash.stop()

    late = trio.box("dogwood")
    late.start(trio.birch.address)

    running = ("running", 1)
    trio.birch.until("counter", birch=running, cedar=running, dogwood=running)


def test_a_killed_agent_takes_its_service_along_and_starts_it_again_without_a_network(
    trio: Trio, tmp_path: Path
) -> None:
    trio.ash.run("push", code(tmp_path / "code", ESCAPING), "--to", 'label.site == "birch"')
    service, child = pid(trio.birch), pid(trio.birch, "child")
    trio.ash.stop()
    trio.cedar.stop()

    trio.birch.kill()
    until(lambda: not is_running(service), lambda: "it runs on")
    trio.birch.start()

    trio.birch.until("counter", birch=("running", 1))
    assert not is_running(child)
    assert pid(trio.birch) != service


def test_a_service_is_ended_with_all_that_it_has_started(trio: Trio, tmp_path: Path) -> None:
    trio.ash.run("push", code(tmp_path / "code", ESCAPING), "--to", 'label.site == "birch"')
    service, child = pid(trio.birch), pid(trio.birch, "child")

    trio.ash.run("service", "remove", "counter")

    place = trio.birch.folder / "services" / "default.counter"
    until(lambda: not place.exists(), lambda: list(place.rglob("*")))
    assert not is_running(service)
    assert not is_running(child)
    assert trio.cedar.ask("service.list") == []


def test_health_is_asked_by_http_and_ports_are_chosen(trio: Trio, tmp_path: Path) -> None:
    serve = (
        "import http.server, os\n"
        "port = int(os.environ['CANTOR_PORT_WEB'])\n"
        "http.server.HTTPServer(('127.0.0.1', port),"
        " http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    manifest = "name: web\nports: {web: auto}\nhealth: {http: web/main.py, hold: 300ms}\n"
    folder = code(tmp_path / "code", serve, manifest)

    done = trio.ash.run("push", folder, "--to", 'label.site == "cedar"')

    assert done.returncode == 0, done.stdout + trio.ash.run("service", "logs", "web").stdout
    (row,) = trio.ash.view("web")["nodes"]
    assert 0 < row["ports"]["web"] < 65536
    done = trio.ash.run("push", code(tmp_path / "code", serve + "#", manifest))
    assert done.returncode == 0, done.stdout
    assert {state for state, _ in trio.ash.states("web").values()} == {"running"}


def test_a_node_takes_code_only_from_whom_it_was_told(trio: Trio, tmp_path: Path) -> None:
    trio.birch.stop()
    trio.birch.start(trio.ash.address, words=("--code-run", "none"))
    trio.birch.knows(3)
    folder = code(tmp_path / "code", CALM)
    done = trio.ash.run("push", folder, "--to", 'label.site == "birch"')

    assert done.returncode == 1
    assert "birch  refused: its signer has no code.run on this node" in done.stdout
    assert "has no code.run on this node" in trio.birch.run("service", "list").stderr
    assert trio.birch.ask("service.list") == []

    done = trio.birch.run("push", folder, "--to", 'label.site == "birch"')

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("manifest", "error"), [
    ("name: counter\nrunn: x\n", r"service.yaml:2: unknown key 'runn'"),
    ("restart: maybe\n", r"service.yaml:1: restart: expected one of"),
])  # fmt: skip
def test_what_is_wrong_with_a_folder_is_said_before_anything_is_sent(
    trio: Trio, tmp_path: Path, manifest: str, error: str
) -> None:
    done = trio.ash.run("push", code(tmp_path / "code", CALM, manifest))

    assert done.returncode == 2
    assert error in done.stderr
    assert trio.ash.ask("service.list") == []


def test_follow_prints_what_it_prints_on_each_node_since_the_push(
    trio: Trio, tmp_path: Path
) -> None:
    needs = 'label.site in ["birch", "cedar"]'
    trio.ash.run("push", code(tmp_path / "code", CALM), "--to", needs)
    command = [*PROGRAM, "push", code(tmp_path / "code", CALM + "# better\n"), "--follow"]
    follow = subprocess.Popen(
        [*command, "--data", str(trio.ash.folder)], stdout=subprocess.PIPE, text=True
    )
    wanted = {f"{name}  ready, revision 2 on {name}" for name in ("ash", "birch", "cedar")}
    timer = threading.Timer(WAIT_S, follow.kill)
    timer.start()
    told: list[str] = []
    try:
        assert follow.stdout is not None
        for line in follow.stdout:
            told.append(line)
            wanted.discard("  ".join(re.split(" {2,}", line.strip())[1:]))
            if not wanted:
                break
        assert follow.poll() is None, "it does not go on"
        follow.terminate()
        told += follow.communicate(timeout=WAIT_S)[0].splitlines()
    finally:
        timer.cancel()
        follow.kill()
        follow.communicate()
    assert not wanted, told
    assert not any("ready, revision 1" in line for line in told)


def test_watch_pushes_what_is_saved(trio: Trio, tmp_path: Path) -> None:
    folder = code(tmp_path / "code", CALM)
    words = ["push", folder, "--watch", "--to", 'label.site == "birch"']
    command = [sys.executable, "-m", "cantor.cli.main", *words, "--data", str(trio.ash.folder)]
    watch = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        trio.ash.until("counter", birch=("running", 1))
        (tmp_path / "code" / "service.yaml").write_text("nonsense: 1")
        (tmp_path / "code" / "main.py").write_text(CALM + "# better\n")
        (tmp_path / "code" / "service.yaml").write_text(MANIFEST)

        until(
            lambda: (
                trio.ash.view("counter")["revision"]["number"] > 1
                and trio.ash.states("counter")["birch"][0] == "running"
            ),
            lambda: trio.ash.view("counter"),
        )
    finally:
        watch.terminate()
        watch.communicate()
