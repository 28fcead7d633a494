"""``cantor logs``: what is asked, in which order lines are printed, and how."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError, UnavailableError
from cantor.cli import log_reading, logs
from cantor.cli.log_reading import Merge
from cantor.cli.log_text import Shown
from cantor.cli.logs import moment_of, query_of
from cantor.node.logs.lines import Line

if TYPE_CHECKING:
    from pathlib import Path

ASH, BIRCH = "a" * 32, "b" * 32
WAITS_MAX = 50


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    logs.register(parser.add_subparsers())
    return parser.parse_args(["logs", "--data", "here", *words])


class Agents:
    """Two nodes whose lines a test says; a page holds two lines."""

    def __init__(self) -> None:
        self.lines: dict[str, list[Line]] = {ASH: [], BIRCH: []}
        self.names = {ASH: "ash", BIRCH: "birch"}
        self.silent: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.more: list[tuple[str, Line]] = []
        """Said one by one, whenever somebody waits; after many waits the agent ends."""
        self.waits = 0

    async def __call__(self, _folder: Path, call: str, args: Any = None, **_said: float) -> Any:  # noqa: ANN401
        await asyncio.sleep(0)
        if call == "nodes":
            return [
                {"id": id_, "name": name, "state": "online"} for id_, name in self.names.items()
            ]
        self.asked.append(args)
        node = args["node"]
        if node in self.silent:
            raise UnavailableError("no answer in 10 s")
        if args.get("wait"):
            if self.more:
                self.lines[self.more[0][0]].append(self.more.pop(0)[1])
            self.waits += 1
            if self.waits > WAITS_MAX:
                raise ConfigError("over")
        lines, count = self.lines[node], min(2, args.get("count", 2))
        fit = [at for at, line in enumerate(lines) if line.at >= args["since"]]
        if args.get("back"):
            end = len(lines) if args["place"] is None else args["place"][1]
            begin = max(0, end - count)
            chosen, place, is_end = range(begin, end), begin, begin == 0
        else:
            begin = 0 if args["place"] is None else args["place"][1]
            chosen_at = [at for at in fit if at >= begin][:count]
            place = chosen_at[-1] + 1 if chosen_at else len(lines)
            chosen, is_end = chosen_at, place >= len(lines)  # type: ignore[assignment]
        reached = {} if is_end or place == 0 else {"reached": lines[place - 1].at}
        return {
            "lines": [lines[at].packed().decode() for at in chosen],
            "place": [1, place],
            "newest": [1, len(lines)],
            "is_end": is_end,
            "has_missed": False,
            **reached,
        }


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> Agents:
    made = Agents()
    monkeypatch.setattr(log_reading, "ask", made)
    monkeypatch.setattr(log_reading, "LOOK_S", 0.0)
    for number in range(9):
        node = (ASH, BIRCH)[number % 3 == 0]
        made.lines[node].append(Line(float(number), "info", "agent", f"line {number}"))
    return made


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.rsplit("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]


def run(*words: str) -> int:
    chosen = options(*words)
    return int(chosen.run(chosen))


@pytest.mark.usefixtures("agents")
def test_the_last_lines_of_all_nodes_are_in_one_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--lines", "4") == 0
    assert told(capsys) == ["line 5", "line 6", "line 7", "line 8"]
    assert run() == 0
    assert told(capsys) == [f"line {number}" for number in range(9)]
    assert run("birch", "-n", "2") == 0
    assert told(capsys) == ["line 3", "line 6"]


@pytest.mark.usefixtures("agents")
def test_all_lines_since_a_time_are_in_one_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--since", "1970-01-01T00:00:02") == 0
    assert told(capsys) == [f"line {number}" for number in range(2, 9)]


def test_a_node_that_does_not_answer_is_told_of_and_harms_no_other(
    agents: Agents, capsys: pytest.CaptureFixture[str]
) -> None:
    agents.silent.add(ASH)

    for words in ((), ("--since", "1970-01-01")):
        assert run(*words) == 1
        said = capsys.readouterr()
        assert said.err == "ash: no answer in 10 s\n"
        assert "line 6" in said.out
        assert "line 7" not in said.out


def test_what_is_said_later_follows_also_on_nodes_that_join(
    agents: Agents, capsys: pytest.CaptureFixture[str]
) -> None:
    cedar = "c" * 32
    agents.more = [(ASH, Line(10.0, "info", "agent", "line 10")),
                   (BIRCH, Line(11.0, "warning", "agent", "line 11"))]  # fmt: skip
    agents.lines[cedar] = [Line(1.0, "info", "agent", "old"), Line(9e9, "info", "agent", "new")]
    seen = agents.__call__

    async def joins(folder: Path, call: str, args: Any = None, **said: float) -> Any:  # noqa: ANN401
        if call == "logs.read" and args.get("wait"):
            agents.names[cedar] = "cedar"
        return await seen(folder, call, args, **said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_reading, "ask", joins)
        with pytest.raises(ConfigError, match="over"):
            run("-n", "1", "--follow")
    lines = told(capsys)
    assert lines[0] == "line 8"
    assert sorted(lines[1:]) == ["WARNING line 11", "line 10", "new"]


@given(
    nodes=st.lists(st.lists(st.integers(0, 20), max_size=8), min_size=1, max_size=4),
    turns=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30),
)
def test_merged_lines_are_all_there_and_in_order(
    nodes: list[list[int]], turns: list[tuple[int, int]]
) -> None:
    waiting = [sorted(times) for times in nodes]
    merge, printed = Merge(map(str, range(len(nodes)))), []
    for turn, count in [*turns, *((at, 8) for at in range(len(nodes)))]:
        at = turn % len(nodes)
        page, waiting[at] = waiting[at][:count], waiting[at][count:]
        reached = waiting[at][0] if waiting[at] else 0.0
        merge.add(str(at), [Line(float(one), "info", "a", "") for one in page], reached)
        if not waiting[at]:
            merge.end(str(at))
        printed += [line.at for _, line in merge.ready()]

    assert printed == sorted(one for times in nodes for one in times)


def test_a_line_says_where_it_is_from_and_moves_no_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = Line(1.5, "error", "service/cam", "no \x1b[2J\nTraceback")
    Shown({ASH: "ash"}).line(ASH, line)
    Shown({ASH: "ash", BIRCH: "birch"}, has_source=False).line(ASH, line)
    Shown({ASH: "ash"}, is_json=True).line(ASH, line)

    one, under, several, _, packed = capsys.readouterr().out.splitlines()
    assert one == "1970-01-01 00:00:01.500  service/cam  ERROR no ?[2J"
    assert under == "    Traceback"
    assert several == "1970-01-01 00:00:01.500  ash    ERROR no ?[2J"
    assert json.loads(packed) == {
        "at": "1970-01-01T00:00:01.500+00:00", "node": ASH, "name": "ash", "level": "error",
        "source": "service/cam", "text": "no \x1b[2J\nTraceback",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "moment"),
    [("10m", 400), ("1.5h", -4400), ("30 s", 970), ("1970-01-01", 0), ("1970-01-01T00:10", 600),
     ("1970-01-01T01:00+01:00", 0)],
)  # fmt: skip
def test_times_are_written_as_people_do(text: str, moment: float) -> None:
    assert moment_of(text, 1000.0, "--since") == moment


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("--since", "yesterday"), "--since"),
        (("--until", "25:00"), "--until"),
        (("--lines", "-1"), "--lines"),
        (("--follow", "--until", "1h"), "--follow"),
        (("--grep", ""), "texts"),
    ],
)
def test_what_is_wrong_is_told(words: tuple[str, ...], where: str) -> None:
    with pytest.raises(ConfigError, match=where):
        query_of(options(*words), 1000.0)
