"""Services that others have pushed run closed in, with all that a service needs."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed.surroundings import files_of_agent, surroundings
from tests.integration.cantor.push.agents import CLOSED, is_running, until
from tests.integration.cantor.workers import escapes
from tests.integration.cantor.workers.escapes import bombs, files, network, processes, system

if TYPE_CHECKING:
    from tests.integration.cantor.push.agents import Box
    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration
ONLY = "its-own-name-in-the-list-of-processes"
WHOLE = f"""
import http.server, json, os, pathlib, signal, subprocess, sys
import beside
data = pathlib.Path(os.environ["CANTOR_DATA"])
starts = data / "starts"
starts.write_text(str(int(starts.read_text()) + 1) if starts.exists() else "1")
pathlib.Path("/tmp/here").write_text("x")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{ONLY}"],
                 start_new_session=True)
def end(*_):
    (data / "ended").write_text("by SIGTERM")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = [pathlib.Path(told).exists() for told in os.environ["LOOK"].split(":")]
        told = [beside.WORD, os.environ["LEVEL"], any(known), os.getuid()]
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
print("ready", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["CANTOR_PORT_WEB"])),
                                Answer).serve_forever()
"""
CHECK = """
import os, pathlib, sys, urllib.request
url = f"http://127.0.0.1:{os.environ['CANTOR_PORT_WEB']}/"
known = urllib.request.urlopen(url).status == 200 and pathlib.Path("/tmp/here").exists()
sys.exit(0 if known and not pathlib.Path(os.environ["LOOK"].split(":")[0]).exists() else 9)
"""
TRIES = """
import json, os, pathlib
from tests.integration.cantor.workers.escapes import bombs, files, network, processes, system
bombs.DISK_BYTES = 300 * bombs.MIB
told = json.loads(pathlib.Path("told.json").read_text())
chosen = json.loads(pathlib.Path("chosen.json").read_text())
for part in (files, processes, system, network, bombs):
    for one in part.ATTEMPTS:
        if one.name not in chosen:
            continue
        try:
            outcome = "reached " + one.function(*one.arguments(told))
        except (OSError, MemoryError) as error:
            outcome = "held"
        except BaseException as error:
            outcome = f"fault {error!r}"
        print("TRIED", one.name, outcome, flush=True)
print("all tried", flush=True)
while True:
    __import__("time").sleep(60)
"""
FILLS = f"""
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{ONLY}"])
data = pathlib.Path(os.environ["CANTOR_DATA"])
print("begins", flush=True)
time.sleep(0.3)
try:
    (data / "large").write_bytes(bytes(2 << 20))
except OSError:
    print("one file is held", flush=True)
(data / "more").write_bytes(bytes(1 << 20))
time.sleep(600)
"""
ATTEMPTS = [
    one.name
    for part in (files, processes, system, network, bombs)
    for one in part.ATTEMPTS
]  # fmt: skip


@pytest.fixture
def birch(trio: Trio) -> Box:
    """A box that closes in what others push."""
    trio.birch.stop()
    trio.birch.start(trio.ash.address, words=CLOSED)
    trio.birch.knows(3)
    return trio.birch


def push(trio: Trio, folder: Path, needs: str = "") -> None:
    to = 'label.site == "birch"' + (f" and {needs}" if needs else "")
    done = trio.ash.run("push", str(folder), "--to", to)
    logs = trio.ash.run("service", "logs", folder.name)
    assert done.returncode == 0, done.stdout + done.stderr + logs.stdout


def listed(word: str) -> list[int]:
    """The processes of this machine with a word in their command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return [pid for pid in found if is_running(pid)]


def web(birch: Box) -> tuple[Any, ...]:
    (row,) = birch.view("whole")["nodes"]
    url = f"http://127.0.0.1:{row['ports']['web']}/"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return tuple(json.loads(answer.read()))


def whole(folder: Path, birch: Box, health: str) -> Path:
    (folder / "whole").mkdir(exist_ok=True)
    look = ":".join(
        str(birch.folder / one) for one in ("identity", "control", "state", "agent.log")
    )
    for name, text in {
        "main.py": WHOLE,
        "check.py": CHECK,
        "beside.py": "WORD = 'mine'\n",
        "service.yaml": f"ports: {{web: auto}}\nhealth: {{{health}, hold: 300ms}}\n"
        f"environment: {{LEVEL: info, LOOK: '{look}', LD_PRELOAD: /nowhere}}\n",
    }.items():
        (folder / "whole" / name).write_text(text)
    return folder / "whole"


@pytest.mark.parametrize("health", ["command: python check.py", "http: web/"])
def test_it_has_all_that_a_service_needs(
    trio: Trio, birch: Box, tmp_path: Path, health: str
) -> None:
    push(trio, whole(tmp_path, birch, health))
    data = birch.folder / "services" / "default.whole" / "data"

    assert web(birch) == ("mine", "info", False, 1000)
    assert len(listed(ONLY)) == 1
    lines = trio.ash.run("service", "logs", "whole").stdout
    assert "revision 1 is started, closed in: full" in lines

    trio.ash.run("service", "stop", "whole")
    until(lambda: not listed(ONLY), lambda: listed(ONLY))
    until((data / "ended").exists, lambda: list(data.iterdir()))
    assert (data / "starts").read_text() == "1"


def test_a_killed_agent_takes_it_along_and_starts_it_again_closed_in(
    trio: Trio, birch: Box, tmp_path: Path
) -> None:
    push(trio, whole(tmp_path, birch, "ready: ready"))
    data = birch.folder / "services" / "default.whole" / "data"
    (before,) = listed(ONLY)

    birch.kill()
    until(lambda: not listed(ONLY), lambda: listed(ONLY))
    birch.start(words=CLOSED)
    until(lambda: bool(listed(ONLY)), birch.log)

    assert listed(ONLY) != [before]
    assert (data / "starts").read_text() == "2"
    until(lambda: birch.states("whole").get("birch") == ("running", 1), birch.log)
    assert web(birch) == ("mine", "info", False, 1000)


def test_one_that_fills_the_disk_is_ended_and_not_started_again(
    trio: Trio, birch: Box, tmp_path: Path
) -> None:
    birch.stop()
    birch.start(trio.ash.address, words=(*CLOSED, "--service-data", "1MiB"))
    birch.knows(3)
    (tmp_path / "fills").mkdir()
    (tmp_path / "fills" / "main.py").write_text(FILLS)
    health = "health: {ready: begins, hold: 50ms}\n"
    (tmp_path / "fills" / "service.yaml").write_text(health)
    push(trio, tmp_path / "fills")

    def why() -> str:
        rows = trio.ash.view("fills")["nodes"]
        return next((str(row["why"]) for row in rows if row["state"] == "restarting"), "")

    until(lambda: "its data take more than 1.0 MiB" in why(), why)
    lines = trio.ash.run("service", "logs", "fills").stdout
    assert "one file is held" in lines
    assert "its data take more than 1.0 MiB" in lines
    assert not listed(ONLY)


@pytest.mark.parametrize("has_port", [False, True])
def test_nothing_is_reached_by_a_service_at_full(
    trio: Trio, birch: Box, tmp_path: Path, has_port: bool
) -> None:
    folder = tmp_path / "tries"
    place = folder / "tests" / "integration" / "cantor" / "workers" / "escapes"
    place.mkdir(parents=True)
    for file in Path(escapes.__path__[0]).glob("*.py"):
        shutil.copy(file, place)
    own_network = {"listen", "send_to_loopback"}  # with a port it may, in a network of its own
    chosen = [name for name in ATTEMPTS if not (has_port and name in own_network)]
    (folder / "chosen.json").write_text(json.dumps(chosen))
    (folder / "main.py").write_text(TRIES)
    ports = "ports: {web: auto}\n" if has_port else ""
    health = "health: {ready: all tried, within: 5min, hold: 100ms}\n"
    (folder / "service.yaml").write_text(ports + health)
    key = next(path for path in birch.folder.rglob("*key*") if path.is_file())
    with surroundings(tmp_path / "programs") as told:
        told.update(files_of_agent(birch.folder), key=str(key), secret=f"HOME={Path.home()}")
        told["folder"] = str(trio.cedar.folder)  # nothing of its own lies below that
        (folder / "told.json").write_text(json.dumps(told))
        push(trio, folder, "Memory = 256MiB")

    (answer,) = trio.ash.ask("service.logs", name="tries", lines=400)
    words = [line.split("TRIED ")[1] for line in answer["lines"] if "TRIED " in line]
    outcomes = dict(word.split(" ", 1) for word in words)
    assert sorted(outcomes) == sorted(chosen)
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "held"} == {}
