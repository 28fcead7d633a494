"""What a person sees while the demo runs: one line, renewed in place on a terminal."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from cantor.base.clock import Clock
    from cantor.wire.frame import Value
    from galaxy.deployments.views import DeploymentView

    Headers = dict[str, Value]

LINE_EVERY_S = 1.0
SILENT_S = 2.0
"""How long a running source may give no frame before the line says so."""


class Screen:
    """Shows how the job is; off a terminal a line a second, and at once when its state changes."""

    def __init__(self, clock: Clock, source: str) -> None:
        """``source`` is what a silent camera is called, without secrets."""
        self._clock = clock
        self._source = source
        self._frames = 0
        self._heard_s = clock.monotonic()
        self._state = ""
        self._shown_s = float("-inf")

    def show(self, view: DeploymentView, figures: Headers, nodes: int) -> None:
        """Renew the line."""
        now_s = self._clock.monotonic()
        line = "; ".join([status_line(view, figures, nodes), *self._complaints(view, figures)])
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns
            sys.stdout.write("\r\x1b[K" + line[: max(1, width - 1)])
            sys.stdout.flush()
        elif view.state != self._state or now_s - self._shown_s >= LINE_EVERY_S:
            say(line)
            self._state, self._shown_s = view.state, now_s

    def _complaints(self, view: DeploymentView, figures: Headers) -> list[str]:
        said = [f"{name}: {why}" for name, why in view.reasons.items()]
        camera = _filters(figures).get("camera", {})
        frames = cast("int", camera.get("frames_out") or 0)
        now_s = self._clock.monotonic()
        if frames != self._frames or view.state != "running":
            self._frames, self._heard_s = frames, now_s
        if now_s - self._heard_s >= SILENT_S:
            tries = cast("dict[str, int]", camera.get("counters") or {}).get("connects", 0)
            tried = f", opened {tries} times" if tries > 1 else ""
            lost = str(cast("Headers", camera.get("report") or {}).get("lost", ""))
            why = f" ({lost.partition(': ')[2]})" if lost else ""
            seconds = now_s - self._heard_s
            said.append(f"no frame from {self._source} for {seconds:.0f} s{tried}{why}")
        return said


def status_line(view: DeploymentView, figures: Headers, nodes: int) -> str:
    """State, nodes, speed, age and what the detector sees now."""
    filters = _filters(figures)
    detect, results = filters.get("detect", {}), filters.get("results", {})
    previews = cast("dict[str, Headers]", figures.get("previews") or {})
    objects = cast("Headers", previews.get("preview", {}).get("objects") or {})
    fps = cast("float", detect.get("fps", 0.0))
    age_ms = cast("float", cast("Headers", results.get("age_ms") or {}).get("p50", 0.0))
    score = cast("dict[str, float | None]", filters.get("score", {}).get("report") or {})
    found = ", ".join(f"{count!s} {label}" for label, count in objects.items()) or "nothing"
    line = f"{view.state:<9}{nodes} nodes  {fps:5.1f} fps  age {age_ms:5.0f} ms  sees {found}"
    if score.get("precision") is not None:
        line += f"  precision {score['precision']}  recall {score['recall']}"
    return line


def say(line: str) -> None:
    """Print a line of its own."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _filters(figures: Headers) -> dict[str, Headers]:
    return cast("dict[str, Headers]", figures.get("filters") or {})
