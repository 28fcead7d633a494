"""What others send to a node whose agent is a binary: tasks, services and filters, all closed in.

The launcher, the first process of a sandbox, the worker and a service's Python are that binary too.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.bed.loopback import Boxes
from tests.bed.surroundings import files_of_agent, surroundings
from tests.integration.cantor.workers.escapes import files, network, processes, system
from tests.packaging.conftest import ROOT, TIMEOUT_S, folder_of, said
from tests.unit.cantor.bundles.made_wheels import make_wheel

import cantor
from cantor.bundles.wheels import target_here

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
FOR_OTHERS = ("--code-run", "tenant", "--workers", "1")
PARTS = (files, processes, system, network)
ATTEMPTS = {one.name: one for part in PARTS for one in part.ATTEMPTS}
SERVICE = """
import http.server, json, os, pathlib, sys
import beside, extra
try:
    seen = pathlib.Path(os.environ["KEY"]).read_text()
except OSError as error:
    seen = type(error).__name__
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = [beside.WORD, extra.WORD, seen, os.getuid(), sys.frozen]
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
print("ready", flush=True)
port = int(os.environ["CANTOR_PORT_WEB"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
CHECK = """
import os, sys, urllib.request
url = f"http://127.0.0.1:{os.environ['CANTOR_PORT_WEB']}/"
sys.exit(0 if urllib.request.urlopen(url).status == 200 else 9)
"""
FILTERS = '''
import json, os, sys
from galaxy import FRAME, BaseFilter, Param, Pin
from tests.integration.cantor.workers.escapes import files, network, processes, system


class Tries(BaseFilter):
    """Tries to reach what is not its own."""

    inputs = {"frame": Pin(FRAME)}
    outputs = {"frame": Pin(FRAME)}
    told = Param(str, "{}", description="What there is.")

    def open(self, ctx):
        self.outcomes, self.seen = {}, 0
        told = json.loads(self.told)
        for part in (files, processes, system, network):
            for one in part.ATTEMPTS:
                self.outcomes[one.name] = self.tried(one, told)

    def tried(self, one, told):
        try:
            return "reached " + one.function(*one.arguments(told))
        except (OSError, MemoryError):
            return "held"
        except BaseException as error:
            return f"fault {error!r}"

    def process(self, frame, ctx):
        self.seen += 1
        return frame

    def report(self):
        return {"outcomes": self.outcomes, "seen": self.seen, "uid": os.getuid(),
                "frozen": sys.frozen}
'''
FRAMES = 40


@pytest.fixture(scope="module")
def boxes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    """``desk`` submits to ``wall``, which closes others' code in, and to ``shed``, which does not;
    a script at ``desk`` brings functions.
    """
    boxes = Boxes(tmp_path_factory.mktemp("boxes"), (str(folder / "cantor"),))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", *FOR_OTHERS, "--resource", "Wall==1")
        boxes.start("shed", *FOR_OTHERS, "--resource", "Shed==1", "--sandbox", "none")
        boxes.until_known("desk", "desk", "wall", "shed")
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
def told(boxes: Boxes, tmp_path: Path) -> Iterator[dict[str, str | int]]:
    """What an attempt may know of the machine and of the agent at ``wall``."""
    wall = boxes["wall"]
    with surroundings(tmp_path / "programs") as told:
        yield told | files_of_agent(wall.folder) | {"agent": wall.process.pid}


def outcomes(needs: str, names: list[str], told: dict[str, str | int]) -> dict[str, str]:
    """What each attempt has come to, as a task."""
    found = {}
    for name in names:
        one = ATTEMPTS[name]
        task = cantor.task(needs=needs, retries=0)(one.function)
        try:
            found[name] = "reached " + task.submit(*one.arguments(told)).result(TIMEOUT_S)
        except OSError:
            found[name] = "held"
    return found


def test_a_closed_task_reaches_nothing_of_the_agent(
    boxes: Boxes, told: dict[str, str | int]
) -> None:
    proven = ["read_key", "list_state", "signal_agent"]

    with cantor.connect(boxes["desk"].folder):
        opened = outcomes("Shed == 1", proven, told)
        closed = outcomes("Wall == 1", list(ATTEMPTS), told)

    assert [one for one in opened.values() if not one.startswith("reached")] == []
    assert {name: one for name, one in closed.items() if one != "held"} == {}


def test_wheels_are_chosen_for_the_binary_that_unpacks_them(boxes: Boxes, tmp_path: Path) -> None:
    target = target_here()
    tag, platform = f"cp{target.python.replace('.', '')}", target.key.partition("/")[2]
    for name, word in (
        (f"extra-1.0-{tag}-{tag}-{platform}", "ours"),
        (f"extra-1.0-{tag}-{tag}-manylinux_2_17_armv7l", "another machine's"),
        (f"extra-1.0-cp39-cp39-{platform}", "another Python's"),
    ):
        make_wheel(tmp_path, name, {"extra.py": f"WORD = {word!r}\n"})

    @cantor.task(needs="Wall == 1", requirements=["extra"])
    def told() -> tuple[str, bool]:
        import sys

        import extra  # type: ignore[import-not-found]

        return extra.WORD, sys.frozen  # type: ignore[attr-defined]

    with cantor.connect(boxes["desk"].folder, wheels=tmp_path):
        assert told.submit().result(TIMEOUT_S) == ("ours", True)


@pytest.mark.parametrize("health", ["http: web/", "command: python check.py", "ready: ready"])
def test_a_service_is_pushed_by_one_binary_and_closed_in_by_another(
    folder: Path, boxes: Boxes, tmp_path: Path, health: str
) -> None:
    make_wheel(tmp_path, "extra-1.0-py3-none-any", {"extra.py": "WORD = 'from a wheel'\n"})
    place, name = tmp_path / "answers", health.partition(":")[0]
    place.mkdir()
    key = boxes["wall"].folder / "key.pem"
    for file, text in {
        "main.py": SERVICE,
        "check.py": CHECK,
        "beside.py": "WORD = 'from beside'\n",
        "service.yaml": f"name: {name}\nports: {{web: auto}}\nrequirements: [extra]\n"
        f"health: {{{health}, hold: 100ms}}\nenvironment: {{KEY: {key}}}\n",
    }.items():
        (place / file).write_text(text)
    data = ("--data", str(boxes["desk"].folder))

    said(folder, "push", str(place), "--to", "Wall == 1", "--wheels", str(tmp_path), *data)
    views = boxes["desk"].ask("service.list")
    (row,) = next(view for view in views if view["name"] == name)["nodes"]
    with urllib.request.urlopen(f"http://127.0.0.1:{row['ports']['web']}/", timeout=10) as answer:
        told = json.loads(answer.read())
    lines = said(folder, "service", "logs", name, *data)
    said(folder, "service", "remove", name, *data)

    assert key.is_file()
    assert told == ["from beside", "from a wheel", "FileNotFoundError", 1000, True]
    assert "revision 1 is started, closed in: full" in lines


def test_the_doctor_finds_nothing_wrong_with_the_sandbox(folder: Path, boxes: Boxes) -> None:
    data = ("--data", str(boxes["wall"].folder))
    status = json.loads(said(folder, "status", "--json", *data))
    found = json.loads(said(folder, "doctor", "--json", *data))

    assert status["sandbox"] == "full"
    assert found
    assert [one for one in found if one["name"] == "sandbox" and one["state"] != "ok"] == []


@pytest.fixture
def with_filter() -> Iterator[Path]:
    """The binary with a package beside it that brings a filter."""
    place = ROOT / "build" / "package" / "with-filter"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder_of("vision"), place, symlinks=True, copy_function=os.link)
    inside = place / "_internal"
    (inside / "filters_of_others.py").write_text(FILTERS)
    about = inside / "tries-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tries\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[galaxy.filters]\ntries = filters_of_others:Tries\n")
    escapes = inside / "tests" / "integration" / "cantor" / "workers" / "escapes"
    escapes.mkdir(parents=True)
    for file in Path(files.__file__).parent.glob("*.py"):
        shutil.copy(file, escapes)
    yield place
    shutil.rmtree(place)


@pytest.mark.parametrize("kind", ["strong", "weak"])
def test_a_filter_of_another_package_reaches_nothing_and_gets_every_frame(
    with_filter: Path, tmp_path: Path, kind: str
) -> None:
    boxes = Boxes(tmp_path / "boxes", (str(with_filter / "cantor"),))
    try:
        desk = boxes.start("desk", "--workers", "1")
        wall = boxes.start("wall", *FOR_OTHERS)
        boxes.until_known("desk", "desk", "wall")
        with surroundings(tmp_path / "programs") as told:
            told.update(files_of_agent(wall.folder))
            file = tmp_path / "pipeline.yaml"
            file.write_text(json.dumps(pipeline(told, kind)))
            said(with_filter, "pipeline", "deploy", str(file), "--data", str(desk.folder))
            view = finished(desk)
            reports = desk.ask("pipeline.reports", id=view["id"])
    finally:
        boxes.close()

    assert view["state"] == "finished", view
    assert reports["tries"]["outcomes"] == dict.fromkeys(ATTEMPTS, "held")
    seen = reports["tries"]
    assert (seen["seen"], seen["uid"], seen["frozen"]) == (FRAMES, 1000, True)
    assert reports["count"]["frames"] == FRAMES


def pipeline(told: dict[str, str | int], kind: str) -> dict[str, Any]:
    """Frames of one of our filters through one of others to ours again, all on ``wall``."""
    way = {"kind": kind, **({"policy": "block"} if kind == "weak" else {})}
    return {
        "name": "tries",
        "filters": {
            "source": {"type": "test_pattern", "params": {"count": FRAMES}, "node": "wall"},
            "tries": {"type": "tries", "params": {"told": json.dumps(told)}, "node": "wall"},
            "count": {"type": "count", "node": "wall"},
        },
        "connections": [
            {"from": "source.image", "to": "tries.frame", **way},
            {"from": "tries.frame", "to": "count.frame", **way},
        ],
    }


def finished(box: Any) -> dict[str, Any]:  # noqa: ANN401 (a Box)
    """The only deployment, once it has ended."""
    end = time.monotonic() + TIMEOUT_S
    while True:
        (view,) = box.ask("pipeline.list")
        if view["state"] in ("finished", "failed") or time.monotonic() > end:
            return cast("dict[str, Any]", view)
        time.sleep(0.05)
