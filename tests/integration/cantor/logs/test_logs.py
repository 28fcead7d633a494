"""Logs of real agents: read from another node, followed, and kept over a kill."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.integration.cantor.push.agents import PROGRAM, WAIT_S, Box, until

from cantor.identity.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


def said(at: Box, *words: str) -> list[dict[str, str]]:
    done = at.run("logs", "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_any_box_reads_the_logs_of_all_and_they_outlive_a_kill(tmp_path: Path) -> None:
    authority = Authority.create("plant", now=datetime.now(UTC))
    with ExitStack() as stack:
        ash, birch = (Box(tmp_path / name, authority) for name in ("ash", "birch"))
        for box in (ash, birch):
            stack.callback(box.stop)
        ash.start()
        birch.start(ash.address)
        ash.knows(2)
        until(lambda: {row["name"] for row in said(ash, "--grep", "link up")} == {"ash", "birch"},
              ash.log)  # fmt: skip
        (row, *_) = said(ash, "birch", "--grep", "LINK UP", "-i", "--source", "agent")
        assert (row["name"], row["level"], row["node"]) == ("birch", "info", birch.id)
        assert ash.id[:8] in row["text"]
        assert said(ash, "--level", "error") == []

        command = [*PROGRAM, "logs", "--follow", "-n", "1", "--grep", "link"]
        follower = subprocess.Popen(
            [*command, "--data", str(ash.folder)], stdout=subprocess.PIPE, text=True
        )
        stack.callback(follower.communicate)
        stack.callback(follower.kill)
        timer = threading.Timer(WAIT_S, follower.kill)
        stack.callback(timer.cancel)
        timer.start()
        assert follower.stdout is not None
        assert "link up" in follower.stdout.readline()
        birch.kill()
        assert "link down" in follower.stdout.readline()

        birch.start(ash.address)
        ash.knows(2)
        ups = said(ash, "birch", "--since", "1h", "--grep", "link up")
        assert len({row["at"] for row in ups}) >= 2, "what it said before it was killed is kept"
    trouble = ash.run("logs")
    assert trouble.returncode == 69
