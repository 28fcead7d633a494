"""``cantor push`` of a filter: pipelines run it on the nodes that have it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.cantor.push.agents import until

from cantor.base.errors import ConfigError

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


def test_no_frame_into_a_filter_is_lost_as_it_changes(trio: Trio, tmp_path: Path) -> None:
    folder, only, count = tmp_path / "code", 'label.site == "birch"', 300
    slow = "__import__('time').sleep(0.03)"
    push(trio.ash, code(folder, source("one", process=slow)), "--to", only, *HOLD)
    made = deploy(trio.ash, pipeline(tmp_path, count=count))
    until(lambda: told(trio.ash, made).get("seen", 0) > 20, lambda: view(trio.ash, made))

    push(trio.ash, code(folder, source("two", process=slow)), "--to", only, *HOLD)
    is_in(trio.ash, made, "finished")

    reports = trio.ash.ask("pipeline.reports", id=made)
    assert reports["mark"]["revision"] == "two"
    assert reports["mark"]["seen"] < 2 * count - 20  # the first ones were seen by the other
    edges = trio.ash.ask("pipeline.figures", id=made)["edges"]
    into = edges["source.image -> mark.image"]
    assert (into["sent"], into["dropped"], into["expired"], into["discarded"]) == (count, 0, 0, 0)
    made_and_lost = count - reports["sink"]["frames"]
    assert -1 <= made_and_lost <= 8, (reports, edges)  # what the old one held at its output


def test_a_revision_that_crashes_returns_and_pipelines_with_it(trio: Trio, tmp_path: Path) -> None:
    folder, only = tmp_path / "code", 'label.site == "birch"'
    push(trio.ash, code(folder, source("one")), "--to", only, *HOLD)
    made = deploy(trio.ash, pipeline(tmp_path, count=0))
    says(trio.ash, made, "one")

    broken = source("two", process="raise ArithmeticError('no light')")
    done = trio.ash.run("push", code(folder, broken), "--to", only, "--hold", "50")
    assert done.returncode == 1, done.stdout
    assert "returned: a run failed: filter mark on node birch: ArithmeticError" in done.stdout
    says(trio.ash, made, "one")
    is_in(trio.ash, made, "running")


def test_a_canary_runs_it_first_and_returns_all_if_it_dies(trio: Trio, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    push(trio.ash, code(folder, source("one")), "--to", ON_TWO, *HOLD)
    made = {name: deploy(trio.ash, pipeline(tmp_path, 0, node=name)) for name in ("birch", "cedar")}
    for one in made.values():
        says(trio.ash, one, "one")

    dies = source("two", process="self.seen > 8 and __import__('os')._exit(7)")
    words = ("--to", ON_TWO, "--canary", "1", "--hold", "50", "--no-wait")
    push(trio.ash, code(folder, dies), *words)
    seen: set[tuple[str, str]] = set()

    def returned() -> bool:
        seen.update((name, str(told(trio.ash, made[name]).get("revision"))) for name in made)
        return int(trio.ash.view("marks")["number"]) == 3

    until(returned, lambda: (seen, trio.ash.view("marks")))
    for one in made.values():
        says(trio.ash, one, "one")
    assert "the worker process ended with code 7" in trio.ash.view("marks")["why"]
    assert len({name for name, note in seen if note == "two"}) <= 1


def test_what_is_wrong_is_said_at_once_on_nodes_without_the_code(
    trio: Trio, tmp_path: Path
) -> None:
    nowhere = refused(trio.ash, "pipeline", "deploy", pipeline(tmp_path))
    assert "no node that is known here has the filter type 'marks/Mark'" in nowhere
    folder = tmp_path / "code"
    push(trio.birch, code(folder, source("one")), "--to", 'label.site == "birch"', *HOLD)
    until(lambda: "marks/Mark" in trio.ash.run("filter", "list").stdout, trio.ash.log)

    wrong = pipeline(tmp_path, params={"step": 10, "tint": 1})
    said = refused(trio.ash, "pipeline", "deploy", wrong)
    assert "seen.yaml:1: filters.mark.params" in said
    text = (tmp_path / "seen.yaml").read_text()
    (tmp_path / "seen.yaml").write_text(text.replace("mark.image", "mark.picture"))
    assert "has no pin 'picture'" in refused(trio.cedar, "pipeline", "validate", wrong)
    assert "lie between 1 and 9" in _answer(trio.cedar, {"step": 10})  # past the command line
    other = pipeline(tmp_path, type="marks/Park")
    assert "the push marks has no filter 'marks/Park'" in refused(
        trio.ash, "pipeline", "plan", other
    )

    push(trio.birch, code(folder, source("two", more='tint = Param(str, "red")')), *HOLD)
    until(lambda: trio.cedar.states("marks")["cedar"][0] == "running", trio.cedar.log)
    newer = deploy(trio.ash, pipeline(tmp_path, params={"tint": "blue"}))
    assert view(trio.ash, newer)["pipeline"]["filters"]["mark"]["needs"] == "Filter.marks >= 2"


def _answer(box: Box, params: dict[str, object]) -> str:
    """What the agent says to a deployment that no command line has checked."""
    spec = {"type": "marks/Mark", "params": params}
    ways = [{"from": "source.image", "to": "mark.image"}]
    filters = {"source": {"type": "test_pattern"}, "mark": spec}
    try:
        box.ask("pipeline.deploy", pipeline={"name": "x", "filters": filters, "connections": ways})
    except ConfigError as error:
        return str(error)
    return "it is deployed"


UNUSABLE = {
    "imports": (
        "import no_such_module\n",
        "No module named 'no_such_module' (marks.py, line 1)",
    ),
    "plain": ("class Mark: ...\n", "marks:Mark is no BaseFilter"),
    "exits": ("raise SystemExit\n", "SystemExit"),
    "pins": (source("x").replace("inputs", "_inputs"), "it has no pins"),
    "other": (source("x").replace("class Mark", "class Park"), "marks has no class Mark"),
}


def test_a_class_that_cannot_be_opened_is_told_with_its_line(trio: Trio, tmp_path: Path) -> None:
    words = ("--to", 'label.site == "birch"', "--no-wait")
    for name, (text, _) in UNUSABLE.items():
        push(trio.ash, code(tmp_path / name, text), "--name", name, *words)

    for name, (_, why) in UNUSABLE.items():
        trio.ash.until(name, birch=("failing", 0))
        assert why in trio.ash.view(name)["nodes"][0]["why"]
    assert "/Mark" not in trio.birch.run("filter", "list").stdout
    lines = trio.ash.run("service", "logs", "imports").stdout
    assert "import no_such_module" in lines


def test_two_classes_of_one_name_are_refused_before_anything_is_sent(
    trio: Trio, tmp_path: Path
) -> None:
    manifest = "kind: filter\nname: marks\nfilters: [marks:Mark, others:Mark]\n"
    assert "two filters are called Mark" in refused(
        trio.ash, "push", code(tmp_path / "code", source("x"), manifest)
    )
    missing = "kind: filter\nname: marks\nfilters: [films:Mark]\n"
    said = refused(trio.ash, "push", code(tmp_path / "code", source("x"), missing))
    assert "filter: there is no module films" in said
