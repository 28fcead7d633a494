"""``cantor mesh`` against agents that are processes of their own: a line ash — birch — cedar."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.ids import NodeId, short_name
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
PROGRAM = [sys.executable, "-m", "cantor.cli.main"]
WAIT_S = 30.0


class Box:
    """An agent's process with its folder."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        home = IdentityFolder(folder)
        home.install(authority.issue(home.csr_pem(), now=datetime.now(UTC)))
        self.node_id: NodeId = home.identity.node_id
        self.process: subprocess.Popen[str] | None = None
        self.address = ""

    def start(self, *seeds: str) -> None:
        words = ["agent", "--data", str(self.folder), "--name", self.folder.name, "--no-mdns"]
        words += ["--listen", "127.0.0.1:0", "--interface", "127.0.0.1", "--json"]
        for seed in seeds:
            words += ["--seed", seed]
        self.process = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, text=True)
        timer = threading.Timer(WAIT_S, self.process.kill)
        timer.start()
        assert self.process.stdout is not None
        self.address = json.loads(self.process.stdout.readline())["addresses"][0]
        timer.cancel()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def mesh(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, "mesh", *words, "--data", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)

    def told(self, *words: str) -> Any:  # noqa: ANN401 (JSON)
        done = self.mesh(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Trio:
    """Three boxes; each pair may link."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        authority = Authority.create("plant", now=datetime.now(UTC))
        self.ash, self.birch, self.cedar = (
            Box(folder / name, authority) for name in ("ash", "birch", "cedar")
        )
        for box in (self.ash, self.birch, self.cedar):
            stack.callback(box.stop)

    def wait(self, online: int, edges: int) -> Any:  # noqa: ANN401 (JSON)
        """The graph as ash sees it, once it is of that size."""
        deadline_s = time.monotonic() + WAIT_S
        while True:
            graph = self.ash.told("graph")
            there = [node for node in graph["nodes"] if node["state"] == "online"]
            named = all(node["name"] != short_name(node["id"]) for node in there)
            if (len(there), len(graph["edges"]), named) == (online, edges, True):
                return graph
            assert time.monotonic() < deadline_s, f"not {online} nodes, {edges} links: {graph}"


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    with ExitStack() as stack:
        boxes = Trio(tmp_path_factory.mktemp("boxes"), stack)
        boxes.ash.start()
        boxes.birch.start(boxes.ash.address)
        boxes.cedar.start(boxes.birch.address)
        boxes.wait(online=3, edges=3)
        yield boxes


def test_status_names_the_links_of_this_node(trio: Trio) -> None:
    status = trio.ash.told("status")

    assert {link["name"] for link in status["links"]} == {"birch", "cedar"}
    assert (status["degree"], status["nodes_online"]) == (2, 3)
    assert set(status["tree_neighbours"]) <= {"birch", "cedar"}
    text = trio.ash.mesh("status").stdout
    assert f"ash ({short_name(trio.ash.node_id)}) has 2 links and reaches 3 of 3 nodes." in text


def test_every_node_tells_the_same_graph_with_a_tree_of_two_edges(trio: Trio) -> None:
    def edges(graph: Any) -> Any:  # noqa: ANN401 (JSON)
        return [(edge["ends"], edge["cost"], edge["tree"]) for edge in graph["edges"]]

    deadline_s = time.monotonic() + WAIT_S
    mine, theirs = trio.ash.told("graph"), trio.cedar.told("graph")
    while edges(mine) != edges(theirs):  # the costs of new links settle in their first seconds
        assert time.monotonic() < deadline_s, (mine, theirs)
        mine, theirs = trio.ash.told("graph"), trio.cedar.told("graph")

    assert sum(edge["tree"] for edge in mine["edges"]) == 2
    assert trio.ash.mesh("graph").stdout.startswith("3 of 3 nodes reached, 3 links.")
    assert trio.ash.mesh("graph", "--format", "dot").stdout.count(" -- ") == 3
    assert json.loads(trio.ash.mesh("graph", "--format", "json").stdout)["here"] == (
        trio.ash.node_id
    )


def test_a_path_is_found_between_any_two_nodes(trio: Trio) -> None:
    path = trio.ash.told("path", "birch", "cedar")

    assert [hop["name"] for hop in path["hops"]] == ["birch", "cedar"]
    assert path["cost"] == path["hops"][-1]["cost"] > 0
    assert "cedar" in trio.ash.mesh("path", "birch", "cedar").stdout


def test_a_ping_tells_each_answer_and_the_median(trio: Trio) -> None:
    told = trio.ash.told("ping", "cedar", "-c", "3", "-i", "0")
    text = trio.ash.mesh("ping", "cedar", "-c", "2", "-i", "0").stdout

    assert (told["sent"], told["lost"]) == (3, 0)
    assert 0 < told["rtt_ms"]["min"] <= told["rtt_ms"]["median"] <= told["rtt_ms"]["max"]
    assert text.count("cedar answers in") == 2
    assert "cedar: 2 of 2 answered" in text


def test_a_trace_tells_the_hops(trio: Trio) -> None:
    trace = trio.ash.told("trace", "cedar")

    assert trace["hops"][-1]["name"] == "cedar"
    assert trace["reached"] is True
    assert " 1  " in trio.ash.mesh("trace", "cedar").stdout
    assert trio.ash.mesh("trace", "ash").stdout == "ash is this node\n"


def test_a_benchmark_measures_three_things_and_ends(trio: Trio) -> None:
    report = trio.ash.told("bench", "birch", "--seconds", "0.3")

    assert report["round_trips"]["count"] > 10
    assert report["send_mb_per_s"] > 1
    assert report["receive_mb_per_s"] > 1


@pytest.mark.parametrize("words", [("ping", "pine"), ("path", "ash", "pine"), ("trace", "pine")])
def test_an_unknown_node_is_told_with_what_to_do(trio: Trio, words: tuple[str, ...]) -> None:
    done = trio.ash.mesh(*words)

    assert done.returncode == 2
    assert done.stderr == "cantor: no node is called 'pine' — cantor nodes lists names and ids\n"


def test_a_stopped_node_is_told_as_out_of_reach(trio: Trio) -> None:
    trio.cedar.stop()
    graph = trio.wait(online=2, edges=1)

    assert [node["name"] for node in graph["nodes"] if node["state"] == "offline"] == ["cedar"]
    assert "Offline: cedar." in trio.ash.mesh("graph").stdout
    for words in (("ping", "cedar", "-c", "1"), ("trace", "cedar"), ("path", "ash", "cedar")):
        done = trio.ash.mesh(*words)
        assert done.returncode == 69, done.stdout
        assert "cannot be reached from here" in done.stderr + done.stdout
    trio.cedar.start(trio.birch.address)
    trio.wait(online=3, edges=3)
