"""How long a person waits: first boxes after ``cantor demo``, and boxes again after a killed agent.

ROUNDS=3 python tests/benchmarks/demo/run.py
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError
from cantor.node.control import ask
from galaxy.deployments.views import DeploymentView

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.wire.frame import Value

    Headers = dict[str, Value]

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "demo.json"
FIRST_S_MAX = 15.0
AGAIN_S_MAX = 5.0
WAIT_S = 60.0
LOOK_S = 0.02


def asked(folder: Path, call: str, args: Headers | None = None) -> Value:
    """What the camera's agent answers; None while it does not."""
    try:
        return asyncio.run(ask(folder / "camera", call, args))
    except (CantorError, OSError):
        return None


def until(holds: Callable[[], bool]) -> float:
    """The monotonic second in which the condition holds."""
    deadline_s = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline_s:
            message = "the demo did not come so far"
            raise TimeoutError(message)
        time.sleep(LOOK_S)
    return time.monotonic()


def view_of(folder: Path) -> DeploymentView | None:
    """The demo's deployment."""
    found = cast("list[Value] | None", asked(folder, "pipeline.list"))
    return DeploymentView.from_value(found[0]) if found else None


def boxes(folder: Path) -> float:
    """When the newest picture with something on it was captured, in UTC seconds; else 0."""
    view = view_of(folder)
    if view is None:
        return 0.0
    figures = cast("dict[str, Headers]", asked(folder, "pipeline.figures", {"id": view.id}) or {})
    preview = cast("Headers", figures.get("previews", {}).get("preview") or {})
    return cast("float", preview.get("captured_at", 0.0)) if preview.get("objects") else 0.0


def agent_of(folder: Path, box: str) -> int:
    """The process id of a box's agent."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if f" agent --data {folder / box} " in line:
            return int(entry.parent.name)
    raise ProcessLookupError(box)


def play(folder: Path) -> tuple[float, float]:
    """Seconds to the first boxes, and from the kill of the detecting agent to boxes again."""
    command = [sys.executable, "-m", "cantor.cli.main", "demo", "--folder", str(folder)]
    started_s = time.monotonic()
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        first_s = until(lambda: boxes(folder) > 0) - started_s
        view = cast("DeploymentView", view_of(folder))
        nodes = cast("list[Headers]", asked(folder, "nodes"))
        names = {node["id"]: str(node["name"]) for node in nodes}
        old = view.nodes["detect"]
        os.kill(agent_of(folder, names[old]), signal.SIGKILL)
        killed_s, killed_at = time.monotonic(), time.time()

        return first_s, until(lambda: boxes(folder) > killed_at) - killed_s
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(WAIT_S)


def main() -> int:
    """Run the rounds, print and write the result."""
    rounds = []
    for number in range(int(os.environ.get("ROUNDS", "3"))):
        with tempfile.TemporaryDirectory(prefix="cantor-bench-") as parent:
            rounds.append(play(Path(parent) / "demo"))
            print(f"round {number}: {rounds[-1][0]:.2f} s, {rounds[-1][1]:.2f} s")
    entries = [
        {
            "measure": measure,
            "unit": "s",
            "better": "lower",
            "ours": round(value, 2),
            "peers": {},
            "target": target,
            "met": value <= target,
        }
        for measure, value, target in (
            ("first boxes of the demo", statistics.median(r[0] for r in rounds), FIRST_S_MAX),
            ("boxes after kill -9", statistics.median(r[1] for r in rounds), AGAIN_S_MAX),
        )
    ]
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
