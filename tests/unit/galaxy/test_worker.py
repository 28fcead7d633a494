"""A worker on a socket pair, told what to do as its agent tells it."""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.wire.frame import HEADERS_BYTES_MAX
from galaxy.filters.sinks import Count
from galaxy.filters.test_pattern import TestPattern
from galaxy.pipe import Pipe
from galaxy.pipeline import Connection, FilterSpec, Pipeline
from galaxy.registry import Registry
from galaxy.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cantor.wire import DataFrame
    from cantor.wire.frame import Value
    from galaxy.params import JsonValue

NODE = "a" * 32
WAIT_S = 30.0
WAY = "pattern.image -> count.frame"


class Agent:
    """The other end of a worker's pipe."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(WAIT_S)
        self._socket = ours
        self.pipe = Pipe(ours)
        self.worker = threading.Thread(target=self._serve, args=(theirs,), daemon=True)
        self.worker.start()

    @staticmethod
    def _serve(sock: socket.socket) -> None:
        with sock:
            Worker(Pipe(sock)).serve()

    def run(
        self,
        pipeline: Pipeline,
        leader: str,
        filters: list[str],
        epoch: int = 1,
        **more: Value,
    ) -> None:
        self.pipe.send(
            {
                **more,
                "op": "run",
                "leader": leader,
                "epoch": epoch,
                "filters": cast("Value", filters),
                "pipeline": cast("Value", pipeline.document()),
                "node": "box",
                "node_id": NODE,
                "frames_max": 0,
            }
        )

    def hear(self, op: str, **values: object) -> dict[str, Any]:
        """The next message of that kind with these values."""
        while True:
            frame = cast("DataFrame", self.pipe.receive())
            said = cast("dict[str, Any]", frame.headers)
            if said["op"] == op and all(said.get(key) == values[key] for key in values):
                return said

    def ask(self, what: str, **values: Value) -> dict[str, Any]:
        self.pipe.send({"op": "ask", "id": 9, "what": what, **values})
        return cast("dict[str, Any]", self.hear("answer", id=9)["result"])

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.worker.join(WAIT_S)


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.close()
    assert not agent.worker.is_alive()


def pattern(kind: str = "weak", count: int = 20) -> Pipeline:
    drawn = FilterSpec("test_pattern", {"width": 64, "height": 48, "count": count})
    way = {"from": "pattern.image", "to": "count.frame", "kind": kind}
    filters = {"pattern": drawn, "count": FilterSpec("count")}
    return Pipeline("drawn", filters, (Connection.from_values(way),))


def route(agent: Agent, sender: int, receiver: int) -> None:
    ends: list[Value] = [NODE, sender, NODE, receiver]
    agent.pipe.send({"op": "routes", "routes": {WAY: ends}, "node_id": NODE})


def test_two_groups_of_one_node_run_to_their_end(agent: Agent) -> None:
    route(agent, 1, 2)
    agent.run(pattern(), "pattern", ["pattern"], 1)
    agent.run(pattern(), "count", ["count"], 2)

    agent.hear("state", leader="count", epoch=2, state="finished")

    assert agent.ask("reports") == {"count": {"frames": 20, "objects": {}}}
    groups = agent.ask("figures")["groups"]
    assert sorted(next(iter(group["filters"])) for group in groups) == ["count", "pattern"]


def test_a_group_that_is_run_anew_ends_its_former_run_first(agent: Agent) -> None:
    endless = pattern("strong", 0)
    agent.run(endless, "pattern", ["pattern", "count"], 1)
    agent.hear("state", epoch=1, state="running")

    agent.run(endless, "pattern", ["pattern", "count"], 2)

    agent.hear("state", epoch=1, state="stopped")
    agent.hear("state", epoch=2, state="running")
    agent.pipe.send({"op": "stop", "leader": "pattern"})
    agent.hear("state", epoch=2, state="stopped")


def test_a_pipeline_that_cannot_run_here_is_a_failed_run(agent: Agent) -> None:
    unknown = Pipeline("odd", {"x": FilterSpec("no_such_type")})

    agent.run(unknown, "x", ["x"])

    assert "no_such_type" in agent.hear("state", state="failed")["error"]


def test_a_failed_group_does_not_let_those_behind_it_finish(agent: Agent) -> None:
    video = FilterSpec("file", {"path": "/nowhere/missing.avi"})
    way = {"from": "pattern.image", "to": "count.frame", "kind": "weak"}
    filters = {"pattern": video, "count": FilterSpec("count")}
    broken = Pipeline("broken", filters, (Connection.from_values(way),))
    route(agent, 1, 2)
    agent.run(broken, "count", ["count"], 2)
    agent.hear("state", leader="count", state="running")
    agent.run(broken, "pattern", ["pattern"], 1)
    agent.hear("state", leader="pattern", state="failed")

    agent.pipe.send({"op": "stop", "leader": "count"})

    agent.hear("state", leader="count", state="stopped")


@pytest.mark.parametrize(
    "words",
    [
        {"op": "edge", "from": "b" * 32},
        {"op": "edge", "from": "b" * 32, "kind": "bomb", "connection": WAY},
        {"op": "edge", "from": "b" * 32, "kind": "grant", "connection": WAY, "epoch": -1},
        {"op": "dance"},
        {"op": "run"},
        {"op": "run", "leader": "x", "epoch": 1, "filters": 7},
        {"op": "stop"},
        {"op": "routes"},
        {"op": "routes", "node_id": NODE, "routes": 7},
        {"op": "routes", "node_id": NODE, "routes": {WAY: [NODE, 1]}},
        {"op": "ask"},
        {"op": "ask", "id": 9, "what": "preview"},
    ],
)
def test_nothing_that_is_said_ends_a_worker(agent: Agent, words: dict[str, Value]) -> None:
    agent.pipe.send(words)

    assert agent.ask("figures") == {"groups": [], "previews": {}}


class Brittle(TestPattern):
    """Cannot even be made."""

    def __init__(self, params: Mapping[str, object]) -> None:
        super().__init__(params)
        message = "no such thing"
        raise OSError(message)


def test_a_filter_that_cannot_be_made_fails_its_run_by_name() -> None:
    registry = Registry.default()
    registry.add("brittle", Brittle)
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT_S)
    worker = Worker(Pipe(theirs), registry=registry)
    thread = threading.Thread(target=worker.serve, daemon=True)
    thread.start()
    agent = Agent.__new__(Agent)
    agent.pipe = Pipe(ours)

    way = Connection.from_values({"from": "x.image", "to": "count.frame"})
    filters = {"x": FilterSpec("brittle"), "count": FilterSpec("count")}
    brittle = Pipeline("odd", filters, (way,))

    agent.run(brittle, "x", ["x", "count"])

    assert "OSError: no such thing" in agent.hear("state", state="failed")["error"]
    ours.close()
    thread.join(WAIT_S)
    theirs.close()


class Wordy(Count):
    """Says more than one message holds."""

    def report(self) -> dict[str, JsonValue]:
        return {"text": "x" * HEADERS_BYTES_MAX}


def test_a_report_that_is_too_large_for_a_message_is_refused_at_once() -> None:
    registry = Registry.default()
    registry.add("wordy", Wordy)
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT_S)
    worker = Worker(Pipe(theirs), registry=registry)
    thread = threading.Thread(target=worker.serve, daemon=True)
    thread.start()
    agent = Agent.__new__(Agent)
    agent.pipe = Pipe(ours)
    drawn = FilterSpec("test_pattern", {"width": 64, "height": 48, "count": 2})
    way = Connection.from_values({"from": "pattern.image", "to": "count.frame"})
    filters = {"pattern": drawn, "count": FilterSpec("wordy")}
    agent.run(Pipeline("wordy", filters, (way,)), "pattern", ["pattern", "count"])
    agent.hear("state", state="finished")

    agent.pipe.send({"op": "ask", "id": 9, "what": "reports"})

    assert "bytes of headers" in agent.hear("answer", id=9)["refused"]
    ours.close()
    thread.join(WAIT_S)
    theirs.close()


MARK = """
from galaxy import IMAGE, BaseFilter, Param, Pin
from wheel_beside import WORD


class Mark(BaseFilter):
    inputs = {"image": Pin(IMAGE)}
    outputs = {"image": Pin(IMAGE)}
    size = Param(int, 1)

    def process(self, frame, ctx):
        return frame

    def report(self):
        return {"word": WORD, "size": self.size}
"""


def test_pushed_code_runs_where_it_is_and_is_known_where_it_is_not(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, wheel = tmp_path / "code", tmp_path / "wheel"
    for place, name, text in ((folder, "marks_x", MARK), (wheel, "wheel_beside", "WORD = 'ours'")):
        place.mkdir()
        (place / f"{name}.py").write_text(text)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    about = {
        "type": "Mark", "description": "", "source": False, "needs": "", "work": 0.1,
        "inputs": {"image": {"type": "frame/image", "formats": []}},
        "outputs": {"image": {"type": "frame/image", "formats": []}},
        "params": {"properties": {"size": {"type": "integer", "default": 1}}},
    }  # fmt: skip
    types = cast("Value", [{"push": "marks", "revision": 1, "filters": [about]}])
    base = pattern("strong")
    filters = {**base.filters, "mark": FilterSpec("marks/Mark", {"size": 3})}
    ways = [("pattern.image", "mark.image"), ("mark.image", "count.frame")]
    made = [Connection.from_values({"from": a, "to": b, "kind": "strong"}) for a, b in ways]
    pipeline = Pipeline("marked", filters, tuple(made))

    agent.run(pipeline, "pattern", [*filters], 1)
    assert "filter type 'marks/Mark'" in agent.hear("state", epoch=1, state="failed")["error"]
    agent.run(pipeline, "pattern", [*filters], 2, types=types)
    assert "abstract" in agent.hear("state", epoch=2, state="failed")["error"]
    paths = cast("Value", [str(folder), str(wheel)])
    code: dict[str, Value] = {"paths": paths, "places": {"marks/Mark": "marks_x:Mark"}}
    agent.run(pipeline, "pattern", [*filters], 3, types=types, **code)
    agent.hear("state", epoch=3, state="finished")
    assert agent.ask("reports")["mark"] == {"word": "ours", "size": 3}
    assert not list(folder.glob("__pycache__"))
