"""What ``cantor hub`` and ``cantor agent`` say to a program that starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.address import Address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
WAIT_S = 60.0
LOOPBACK = ("--listen", "127.0.0.1:0", "--interface", "127.0.0.1")


def cantor(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cantor.cli.main", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(cantor(*arguments), capture_output=True, text=True, timeout=WAIT_S)


@contextmanager
def started(*arguments: str) -> Iterator[dict[str, Any]]:
    """The first line of a program that runs meanwhile, as JSON."""
    variables = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(cantor(*arguments), stdout=subprocess.PIPE, text=True, env=variables)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(WAIT_S)
        process.stdout.close()
    assert process.returncode == 0


def test_a_hub_and_an_agent_say_where_they_are_as_json(tmp_path: Path) -> None:
    hub, box = str(tmp_path / "hub"), str(tmp_path / "box")
    ports = ("--console", "127.0.0.1:0", "--enrol", "127.0.0.1:0")
    with started("hub", "--json", "--mesh", "plant", "--data", hub, *ports, *LOOPBACK) as says:
        assert says["mesh"] == "plant"
        assert Address.parse(says["enrol"]).port
        assert says["sign_in"].startswith(f"http://{says['console']}/sign-in#ticket=")
        token = run("token", "create", "--data", hub).stdout.strip()
        assert run("enroll", token, "--data", box).returncode == 0

        with started("agent", "--json", "--data", box, *LOOPBACK) as node:
            assert (node["mesh"], len(node["id"])) == ("plant", 32)
            (address,) = node["addresses"]

            second = run("agent", "--data", box, *LOOPBACK)
            assert (second.returncode, second.stderr.count("\n")) == (69, 1)
            assert "an agent with this folder runs already" in second.stderr

            taken = run("hub", "--data", str(tmp_path / "other"), *ports, "--listen", address)
            assert (taken.returncode, taken.stderr.count("\n")) == (2, 1)
            assert f"--listen {address}: cannot listen there" in taken.stderr


def test_a_box_that_is_not_enrolled_says_what_to_do(tmp_path: Path) -> None:
    refused = run("agent", "--data", str(tmp_path / "nobody"), *LOOPBACK)

    assert (refused.returncode, refused.stderr.count("\n")) == (77, 1)
    assert "enroll" in refused.stderr
