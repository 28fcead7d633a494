"""Metrics of real agents: of closed services, tasks and scripts, read from another node."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.cantor.push.agents import CLOSED, PROGRAM, WAIT_S, Box, until

from cantor.identity.authority import Authority
from cantor.native import folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

SERVICE = """
import os, subprocess, time
import cantor.metrics
frames = cantor.metrics.counter("frames", {"camera": "door"})
frames.add(2)
cantor.metrics.gauge("queue").set(4)
if os.fork() == 0:
    frames.add(10)
    os._exit(0)
os.wait()
descriptor = int(os.environ["CANTOR_METRICS"])
subprocess.run(["./native"], pass_fds=[descriptor], check=True)
print("ready", flush=True)
time.sleep(600)
"""
NATIVE = """
#include "cantor.h"
int main(void)
{
    cantor_counter parts;
    int code = cantor_counter_open(&parts, "parts", 0, 0);
    cantor_counter_add(parts, 7);
    return code;
}
"""
TASK = """
import cantor
@cantor.task(needs='label.site == "birch"')
def work(number):
    cantor.metrics.counter("worked").add(number)
    return number
if __name__ == "__main__":
    cantor.connect()
    print(sum(work.submit(number).result() for number in range(10)))
"""
SCRIPT = """
import sys, cantor.metrics
cantor.metrics.counter("scripted").add(3)
print("begun", flush=True)
sys.stdin.read()
"""
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Pair:
    """Two boxes; birch closes in what others push."""

    def __init__(self, at: Path, stack: ExitStack) -> None:
        authority = Authority.create("plant", now=datetime.now(UTC))
        self.ash, self.birch = (Box(at / name, authority) for name in ("ash", "birch"))
        self.port = free_port()
        for box in (self.ash, self.birch):
            stack.callback(box.stop)
        self.ash.start(words=("--prometheus", f"127.0.0.1:{self.port}"))
        self.birch.start(self.ash.address, words=CLOSED)
        self.ash.knows(2)

    def series(self, name: str, node: str = "birch") -> dict[str, float]:
        """The series of a name on a node, as ash reads them, by source."""
        done = self.ash.run("metrics", node, "--name", name, "--json")
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)
        return {one["labels"]["source"]: one["value"] for one in row["series"]}

    def until(self, name: str, found: dict[str, float], node: str = "birch") -> None:
        until(lambda: self.series(name, node) == found, lambda: self.series(name, node))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


def test_what_code_counts_anywhere_is_read_from_another_node(pair: Pair, tmp_path: Path) -> None:
    program = tmp_path / "camera"
    program.mkdir()
    (program / "main.py").write_text(SERVICE)
    (program / "service.yaml").write_text("health: {ready: ready, hold: 50ms}\n")
    (tmp_path / "native.c").write_text(NATIVE)
    command: list[str | Path] = [
        "gcc", "-I", folder(), tmp_path / "native.c", folder() / "cantor.c",
    ]  # fmt: skip
    subprocess.run([*command, "-static", "-o", program / "native"], check=True)
    pushed = pair.ash.run("push", str(program), "--to", 'label.site == "birch"')
    assert pushed.returncode == 0, pushed.stderr + pair.ash.run("service", "logs", "camera").stdout
    source = "service/camera"
    pair.until("frames", {source: 12})
    pair.until("parts", {source: 7})
    pair.until("queue", {source: 4})

    pair.ash.run("service", "stop", "camera")
    pair.until("queue", {})
    assert pair.series("frames") == {source: 12}, "what it counted stays"

    (tmp_path / "task.py").write_text(TASK)
    home = {**os.environ, "CANTOR_HOME": str(pair.ash.folder)}
    done = subprocess.run(
        [sys.executable, tmp_path / "task.py"], env=home, capture_output=True, text=True
    )
    assert done.stdout == "45\n", done.stderr
    pair.until("worked", {"task": 45})

    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with script:
        pair.until("scripted", {"script": 3}, "ash")
        pair.ash.kill()
        pair.ash.start(words=("--prometheus", f"127.0.0.1:{pair.port}"))
        pair.until("scripted", {"script": 3}, "ash")
        script.communicate(timeout=WAIT_S)
    pair.until("scripted", {"script": 3}, "ash")


def test_prometheus_reads_all_nodes_of_one(pair: Pair) -> None:
    url = f"http://127.0.0.1:{pair.port}/metrics?node=*"

    def told() -> str:
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            return str(answer.read().decode())

    until(lambda: 'cantor_cpu_cores{node="birch"}' in told(), told)
    assert 'cantor_cpu_cores{node="ash"}' in told()
    if shutil.which("promtool"):
        command = ["promtool", "check", "metrics"]
        done = subprocess.run(command, input=told(), capture_output=True, text=True)
        assert "error" not in (done.stdout + done.stderr).lower()


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)  # noqa: S606 (this program)
        self.shown = ""

    def size(self, rows: int, columns: int) -> None:
        packed = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, packed)
        os.kill(self.pid, signal.SIGWINCH)

    def press(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def until(self, what: str) -> str:
        """Read until something is on the screen; that screen."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if select.select([self.descriptor], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.descriptor, 65536).decode("utf-8", "replace")
                except OSError:
                    break
            screen = ESCAPE.sub("", self.shown.rsplit("\x1b[H", 1)[-1])
            if what in screen:
                return screen
        raise AssertionError(self.shown[-3000:])

    def code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_top_is_live_and_leaves_the_terminal_as_it_was(pair: Pair) -> None:
    table: Any = json.loads(pair.ash.run("top", "--json").stdout)
    assert {row["name"] for row in table} == {"ash", "birch"}
    assert all(0 <= row["cpu_ratio"] <= 1 and row["received_bytes_s"] >= 0 for row in table)
    assert pair.ash.run("top", "--once").stdout.startswith("NODE")

    terminal = Terminal(*PROGRAM, "top", "--data", str(pair.ash.folder))
    terminal.until("by name")
    terminal.size(20, 100)
    terminal.press("c")
    assert "birch" in terminal.until("by cpu")
    terminal.press("\x1b[B\r")
    terminal.until("net out")
    terminal.press("q")
    with pytest.raises(AssertionError):
        terminal.until("no such thing")
    assert terminal.code() == 0
    assert terminal.shown.rstrip().endswith("\x1b[?25h\x1b[?1049l")
