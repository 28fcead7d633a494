"""How soon a saved file answers on another node, and on twenty; what a revision that crashes costs.

Real agents, one process each, on the loopback interface; ``cantor push --watch`` runs beside them,
as for a person. The service answers on a TCP port with the number that stands in its source.

    python tests/benchmarks/push/run.py
    NODES=10 SAVES=5 python tests/benchmarks/push/run.py
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bed.loopback import Boxes
from tests.benchmarks.mesh.table import Row, keep

from cantor.node.control import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.loopback import Box

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "push.json"
NODES = int(os.environ.get("NODES", "20"))
SAVES = int(os.environ.get("SAVES", "9"))
SAVES_OF_MANY = max(1, SAVES // 2)
ONE_S_MAX, MANY_S_MAX, RETURN_S_MAX = 1.0, 3.0, 3.0
WAIT_S = 60.0
LOOK_S = 0.002
SETTLE_S = 1.0
SERVICE = """
import os, socket
VERSION = {version}
{trouble}
with socket.create_server(("127.0.0.1", int(os.environ["CANTOR_PORT_ASK"])), backlog=64) as server:
    print("ready", flush=True)
    while True:
        client, _ = server.accept()
        with client:
            client.sendall(b"%d" % VERSION)
"""
MANIFEST = "name: {name}\nports: {{ask: {port}}}\nhealth: {{ready: ready, hold: 500ms}}\n"


def save(folder: Path, version: int, trouble: str = "") -> float:
    """Put the source there as an editor does; the moment at which it was saved."""
    draft = folder / ".draft"
    draft.write_text(SERVICE.format(version=version, trouble=trouble))
    draft.replace(folder / "main.py")
    return time.monotonic()


def answer(port: int) -> int:
    """The version that answers there; 0 if nothing does."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), WAIT_S) as asked:
        return int(asked.recv(16) or b"0")
    return 0


def until_answers(port: int, version: int) -> None:
    """Wait until that version answers."""
    end = time.monotonic() + WAIT_S
    while answer(port) != version:
        if time.monotonic() > end:
            message = f"version {version} does not answer on port {port}"
            raise TimeoutError(message)
        time.sleep(LOOK_S)


async def rows_of(box: Box, name: str, count: int) -> tuple[list[dict[str, Any]], int]:
    """How a service is on its nodes after the change of that count, and the count now."""
    change: Any = await ask(box.folder, "changes", {"after": count})
    views: Any = await ask(box.folder, "service.list", timeout_s=WAIT_S)
    view = next((one for one in views if one["name"] == name), None)
    return (view["nodes"] if view else []), change["count"]


async def until_all_answer(box: Box, name: str, version: int, nodes: int) -> None:
    """Wait until that version answers on so many nodes; where it listens, they have told."""
    answering: set[str] = set()
    count = -1
    async with asyncio.timeout(WAIT_S):
        while len(answering) < nodes:
            rows, count = await rows_of(box, name, count)
            for row in rows:
                port = row.get("ports", {}).get("ask")
                if port is None or row["node"] in answering:
                    continue
                if await asyncio.to_thread(answer, port) == version:
                    answering.add(row["node"])


async def until_returned(box: Box, name: str) -> None:
    """Wait until a node tells that it has returned."""
    count = -1
    async with asyncio.timeout(WAIT_S):
        while True:
            rows, count = await rows_of(box, name, count)
            if rows and all(row["state"] == "returned" for row in rows):
                return


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def watched(desk: Box, folder: Path, name: str, port: int | str, needs: str) -> Iterator[None]:
    """A folder that ``cantor push --watch`` looks at."""
    folder.mkdir()
    (folder / "service.yaml").write_text(MANIFEST.format(name=name, port=port))
    save(folder, 1)
    words = ["push", str(folder), "--to", needs, "--watch", "--data", str(desk.folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "cantor.cli.main", *words],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(WAIT_S)


def on_one(desk: Box, folder: Path) -> list[Row]:
    """Saves that one other node runs, and one that crashes there.

    The port is the same for all revisions: the old one ends before the new one starts.
    """
    port = free_port()
    with watched(desk, folder, "one", port, 'label.site == "first"'):
        until_answers(port, 1)
        took = []
        for version in range(2, 2 + SAVES):
            time.sleep(SETTLE_S)  # it is good now: the next one is a save of its own
            began_s = save(folder, version)
            until_answers(port, version)
            took.append(time.monotonic() - began_s)
        time.sleep(SETTLE_S)
        began_s = save(folder, 1000, "raise SystemExit('no camera')")
        asyncio.run(until_returned(desk, "one"))
        until_answers(port, 1 + SAVES)
        returned_s = time.monotonic() - began_s
    print("save to answer on one node:", *(f"{one:.3f}" for one in took), flush=True)
    return [
        Row("save: new code answers on another node, p50", "s", statistics.median(took), ONE_S_MAX),
        Row("save: new code answers on another node, slowest", "s", max(took), ONE_S_MAX),
        Row("a revision that crashes: the old code answers again", "s", returned_s, RETURN_S_MAX),
    ]


def on_many(desk: Box, folder: Path) -> list[Row]:
    """Saves that all nodes run, each on a port of its own choice."""
    with watched(desk, folder, "many", "auto", 'label.role == "wall"'):
        asyncio.run(until_all_answer(desk, "many", 1, NODES))
        took = []
        for version in range(2, 2 + SAVES_OF_MANY):
            time.sleep(2 * SETTLE_S)
            began_s = save(folder, version)
            asyncio.run(until_all_answer(desk, "many", version, NODES))
            took.append(time.monotonic() - began_s)
    print(f"save to answer on {NODES} nodes:", *(f"{one:.3f}" for one in took), flush=True)
    measure = f"save: new code answers on {NODES} nodes"
    return [
        Row(f"{measure}, p50", "s", statistics.median(took), MANY_S_MAX),
        Row(f"{measure}, slowest", "s", max(took), MANY_S_MAX),
    ]


def main() -> int:
    """Measure, print the table, write the result."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        # As an installed program has it: compiled once.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        boxes = Boxes(folder)
        try:
            desk = boxes.start("desk", "--workers", "0")
            options = ("--workers", "0", "--code-run", "tenant", "--label", "role=wall")
            boxes.start("wall-1", *options, "--label", "site=first")
            keep(on_one(desk, folder / "one"), RESULT)
            for number in range(2, 1 + NODES):
                boxes.start(f"wall-{number}", *options)
            keep(on_many(desk, folder / "many"), RESULT)
        finally:
            boxes.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
