"""``cantor push`` of a filter: pipelines run it on the nodes that have it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.cantor.push.agents import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cantor.push.agents import Box
    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration

MANIFEST = "name: marks\nkind: filter\nfilters: [marks:Mark]\n"
ON_TWO = 'label.site in ["birch", "cedar"]'
FILTER = """
from galaxy import IMAGE, BaseFilter, Param, Pin


class Mark(BaseFilter):
    description = "Counts pictures"
    inputs = {{"image": Pin(IMAGE, formats=("BGR",))}}
    outputs = {{"image": Pin(IMAGE, formats=("BGR",))}}
    step = Param(int, 1, minimum=1, maximum=9, description="How much one counts.")
    {more}
    seen = 0

    def open(self, ctx):
        {open}

    def process(self, frame, ctx):
        self.seen += self.step
        {process}
        return frame

    def live_report(self):
        return {{"revision": "{note}", "seen": self.seen}}

    report = live_report
"""
HOLD = ("--hold", "0.3")


def source(note: str, *, opens: str = "pass", process: str = "pass", more: str = "") -> str:
    return FILTER.format(note=note, open=opens, process=process, more=more)


def code(folder: Path, text: str, manifest: str = MANIFEST) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "marks.py").write_text(text)
    (folder / "service.yaml").write_text(manifest)
    return str(folder)


def push(box: Box, *words: str) -> None:
    done = box.run("push", *words)
    assert done.returncode == 0, done.stdout + done.stderr + box.log()


def pipeline(folder: Path, count: int = 20, **changed: object) -> str:
    """Frames through the pushed filter, by weak edges; endless if ``count`` is 0."""
    endless = {"type": "conveyor", "params": {"paced": True}, "node": "ash"}
    pattern = {"type": "test_pattern", "params": {"count": count}, "node": "ash"}
    ways = [("source.image", "mark.image"), ("mark.image", "sink.frame")]
    document = {
        "name": "seen",
        "filters": {
            "source": pattern if count else endless,
            "mark": {"type": "marks/Mark", "params": {"step": 2}, **changed},
            "sink": {"type": "count", "node": "ash"},
        },
        "connections": [
            {"from": a, "to": b, "kind": "weak", **({"policy": "block"} if count else {})}
            for a, b in ways
        ],
    }
    place = folder / "seen.yaml"
    place.write_text(json.dumps(document))  # JSON is YAML
    return str(place)


def deploy(box: Box, file: str) -> str:
    done = box.run("pipeline", "deploy", file, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["id"])


def view(box: Box, deployment: str) -> dict[str, Any]:
    return next(one for one in box.ask("pipeline.list") if one["id"] == deployment)


def is_in(box: Box, deployment: str, state: str) -> None:
    until(lambda: view(box, deployment)["state"] == state, lambda: view(box, deployment))


def told(box: Box, deployment: str) -> dict[str, Any]:
    """What the filter says of itself while it runs."""
    figures = box.ask("pipeline.figures", id=deployment)
    report: dict[str, Any] = figures["filters"].get("mark", {}).get("report") or {}
    return report


def says(box: Box, deployment: str, note: str) -> None:
    until(
        lambda: told(box, deployment).get("revision") == note,
        lambda: (told(box, deployment), view(box, deployment), box.log()[-2000:]),
    )


def refused(box: Box, *words: str) -> str:
    done = box.run(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def test_a_pushed_filter_runs_in_pipelines_of_any_node(trio: Trio, tmp_path: Path) -> None:
    push(trio.ash, code(tmp_path / "code", source("one")), "--to", ON_TWO, *HOLD)

    listed = trio.ash.run("filter", "list").stdout  # it has not the code itself
    assert "marks/Mark" in listed
    assert "step: default 1" in trio.ash.run("filter", "show", "marks/Mark").stdout
    made = deploy(trio.ash, pipeline(tmp_path))
    is_in(trio.ash, made, "finished")
    report = trio.ash.ask("pipeline.reports", id=made)["mark"]
    assert report == {"revision": "one", "seen": 40}
    names = {row["id"]: row["name"] for row in trio.ash.ask("nodes")}
    assert names[view(trio.ash, made)["nodes"]["mark"]] in ("birch", "cedar")


def test_a_new_revision_takes_over_while_frames_flow(trio: Trio, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    push(trio.ash, code(folder, source("one")), "--to", ON_TWO, *HOLD)
    made = deploy(trio.ash, pipeline(tmp_path, count=0))
    says(trio.ash, made, "one")

    push(trio.ash, code(folder, source("two")), "--to", ON_TWO, *HOLD)
    says(trio.ash, made, "two")
    is_in(trio.ash, made, "running")

    assert trio.ash.run("service", "return", "marks").returncode == 0
    says(trio.ash, made, "one")
