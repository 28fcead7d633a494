"""Two projects 3:1 on the workers of ten real agents, submitted at two of them.

The larger one has all workers for a while, then the smaller one comes. Tasks sleep, so that two
cores are enough for twenty workers; what is measured is whose work they did, by the clock of the
machine.

    python tests/benchmarks/shares/run.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.loopback import Boxes
from tests.benchmarks.mesh.table import ROOT, Row, keep

import cantor

if TYPE_CHECKING:
    from concurrent.futures import Future

    Span = tuple[float, float]

RESULT = ROOT / "build" / "bench" / "shares.json"
NODES, WORKERS = 10, 2
SHARES = {"vision": 3, "lab": 1}
SUBMITTERS = {"vision": "box-1", "lab": "box-2"}
TASK_S = 0.5
ALONE_S, BOTH_S = 5.0, 30.0
SETTLE_S, WINDOW_S = 10.0, 5.0
LOOK_S = 0.5
START_S = 60.0


@cantor.task
def work(seconds: float) -> Span:
    """When it began and ended."""
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def had(spans: list[Span], begin: float) -> float:
    """Seconds of work in the window that begins then."""
    end = begin + WINDOW_S
    return sum(max(0.0, min(ended, end) - max(began, begin)) for began, ended in spans)


def started(boxes: Boxes) -> None:
    """Ten agents that know each other and both projects, with warm workers."""
    names = [f"box-{number}" for number in range(NODES)]
    for name in names:
        workers = ("--workers", str(WORKERS), "--code-run", "tenant")
        boxes.start(name, *workers, is_issuer=name == names[0])
    for project, share in SHARES.items():
        boxes[names[0]].ask("project.set", name=project, share=share, limits={})
    for name in names:
        boxes.until_known(name, *names)
    for submitter in SUBMITTERS.values():  # what one node sends runs apart from what others send
        with cantor.connect(boxes[submitter].folder):
            for warm in [work.submit(1.0) for _ in range(2 * NODES * WORKERS)]:
                warm.result(START_S)


def played(boxes: Boxes) -> tuple[dict[str, list[Span]], float]:
    """What ran when, and when the second project came."""
    count = int((ALONE_S + BOTH_S + SETTLE_S) / TASK_S * NODES * WORKERS)
    large = cantor.connect(boxes[SUBMITTERS["vision"]].folder, project="vision")
    futures: dict[str, list[Future[Span]]] = {"vision": [work.submit(TASK_S) for _ in range(count)]}
    time.sleep(ALONE_S)
    small = cantor.connect(boxes[SUBMITTERS["lab"]].folder, project="lab")
    came = time.monotonic()
    futures["lab"] = [work.submit(TASK_S) for _ in range(count)]
    time.sleep(BOTH_S)
    spans = {name: [one.result() for one in of if one.done()] for name, of in futures.items()}
    small.close(kill=True)
    large.close(kill=True)
    return spans, came


def main() -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        boxes = Boxes(Path(folder))
        try:
            started(boxes)
            spans, came = played(boxes)
        finally:
            boxes.close()
    looks = [came + n * LOOK_S for n in range(int((BOTH_S - WINDOW_S - 2 * TASK_S) / LOOK_S))]
    parts: list[tuple[float, float, float]] = []
    for begin in looks:
        each = {name: had(spans[name], begin) for name in SHARES}
        total = sum(each.values())
        part = each["lab"] / total if total else 0.0
        parts.append((begin - came, part, total / (WINDOW_S * NODES * WORKERS)))
        print(f"{begin - came:5.1f} s: lab {part:.3f}, used {parts[-1][2]:.3f}")
    off = [(at_s, abs(part - 0.25)) for at_s, part, _ in parts]
    settled = max(far for at_s, far in off if at_s >= SETTLE_S)
    late = [at_s + WINDOW_S for at_s, far in off if far > 0.05]
    used = min(used for _, _, used in parts)
    keep(
        [
            Row("share of the smaller project, furthest from 0.25 in 5 s after 10 s", "",
                settled, target=0.05),
            Row("from when on every 5 s were within 0.05", "s", max(late, default=WINDOW_S),
                target=10.0),
            Row("workers used in every 5 s", "", used, better="higher", target=0.95),
        ],
        RESULT,
    )  # fmt: skip


if __name__ == "__main__":
    main()
