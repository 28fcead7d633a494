"""``cantor queue`` with real agents."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.bed.loopback import Boxes

import cantor
from cantor.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.integration
WAIT_S = 30.0


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", "--workers", "1", "--code-run", "tenant")
        boxes.until_known("desk", "wall")
        yield boxes
    finally:
        boxes.close()


def test_the_command_line_does_the_same(
    boxes: Boxes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(verb: str, *words: str, code: int = 0) -> str:
        at = ("--node", "wall", "--data", str(boxes["desk"].folder))
        assert main(["queue", verb, *words, *at]) == code
        out = capsys.readouterr()
        return out.out + out.err

    assert "no such queue" in run("stats", "typed", code=1)
    terms = ("--tries", "1", "--visible", "60", "--dead-letters", "typed dead", "--bytes", "1MB")
    assert run("create", "typed", *terms) == "Made.\n"
    assert "already" in run("create", "typed", *terms)
    assert "tries_max is 1" in run("create", "typed", "--tries", "2", code=75)
    assert "There is no message." in run("take", "typed", code=1)
    assert run("put", "typed", '{"speed": 12}').startswith("Put, ")
    assert json.loads(run("put", "typed", "12", "--text", "--json"))["ids"]
    monkeypatch.setattr("sys.stdin", io.StringIO('-\n[1]\n\n"x"\n'))
    assert run("put", "typed", "-", "--lines") == "Put 3 messages.\n"
    assert "standard input" in run("put", "typed", "x", "--lines", code=2)
    assert run("take", "typed", "--count", "2") == '{"speed": 12}\n12\n'
    told = [
        json.loads(line) for line in run("take", "typed", "--count", "9", "--json").split("\n")[:-1]
    ]
    assert [(one["value"], one["tries"]) for one in told] == [("-", 1), ([1], 1), ("x", 1)]
    run("put", "typed", "poison")
    with cantor.connect(boxes["desk"].folder):
        cantor.queue("typed", "wall").take()[0].give_back()
    letter = run("take", "typed dead", "--keep", "--wait", "30")
    assert letter == "poison  (typed: given back in 1 of 1 tries)\n"
    listed = run("list")
    assert "typed dead" in listed
    assert "1 taken" in run("stats", "typed dead")
    stats = json.loads(run("stats", "typed", "--json"))
    assert (stats["dead"], stats["messages"], stats["terms"]["bytes_max"]) == (1, 0, 1_000_000)
    assert "dead letters of typed" in run("delete", "typed dead", code=75)
    assert run("delete", "typed") == "Deleted.\n"
    assert "no queue" in run("delete", "typed", code=1)
    assert "typed dead" in [one["name"] for one in json.loads(run("list", "--json"))]


def test_watching_a_queue_shows_what_changes(boxes: Boxes) -> None:
    with cantor.connect(boxes["desk"].folder):
        queue = cantor.queue("watched", "wall")
        queue.create(durable=False)
        with subprocess.Popen(
            [sys.executable, "-m", "cantor.cli.main", "queue", "watch", "watched", "--json",
             "--node", "wall", "--data", str(boxes["desk"].folder)],
            stdout=subprocess.PIPE, text=True,
        ) as watch:  # fmt: skip
            assert watch.stdout is not None
            assert json.loads(watch.stdout.readline())["messages"] == 0
            queue.put(1)
            assert json.loads(watch.stdout.readline())["messages"] == 1
            watch.kill()
