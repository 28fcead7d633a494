"""``cantor metrics`` on what an agent answers."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import UnavailableError
from cantor.cli import metrics
from cantor.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRAMES = ["counter", "frames", [["source", "task"]]]
Answer = dict[str, list[dict[str, Any]]]


def row(name: str, why: str = "", *series: list[Any]) -> dict[str, Any]:
    return {"node": name[0] * 32, "name": name, "why": why, "series": list(series)}


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    def put(*answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        left, asked = list(answers), []

        async def ask(
            _folder: Path, _call: str, args: dict[str, Any], *, timeout_s: float
        ) -> Answer:
            assert timeout_s > 0
            asked.append(args)
            if not left:
                raise UnavailableError("no agent answers here")
            return {"nodes": left.pop(0)}

        monkeypatch.setattr(metrics, "ask", ask)
        return asked

    return put


def test_every_series_is_a_line(
    answer: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    memory = ["gauge", "cantor_memory_used_bytes", [], 2048.0]
    asked = answer([row("ash", "", [*FRAMES, 5.0], memory), row("birch", "no answer")])

    assert main(["metrics", "ash", "birch", "--name", "*"]) == 1
    told = capsys.readouterr()
    assert [line.split() for line in told.out.splitlines()] == [
        ["NODE", "SERIES", "VALUE"],
        ["ash", "cantor_memory_used_bytes", "2.0", "KiB"],
        ["ash", 'frames{source="task"}', "5"],
    ]
    assert told.err == "birch: no answer\n"
    assert asked == [{"nodes": ["ash", "birch"], "glob": "*"}]


def test_json_has_all(answer: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    answer([row("ash", "", [*FRAMES, 5.0])])

    assert main(["metrics", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "node": "a" * 32,
            "name": "ash",
            "why": "",
            "series": [
                {"name": "frames", "kind": "counter", "labels": {"source": "task"}, "value": 5.0}
            ],
        }
    ]


def test_who_watches_sees_how_counters_grow(
    answer: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, 1.0, 3.0, 4.0])
    monkeypatch.setattr(metrics, "time", SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr(metrics, "EACH_S", 0.0)
    answer([row("ash", "", [*FRAMES, 5.0])], [row("ash", "", [*FRAMES, 15.0])])

    assert main(["metrics", "--watch"]) == 69
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[2:] == ["5"]
    assert lines[3].split()[2:] == ["15", "+5/s"]


def test_an_answer_of_another_version_is_told(answer: Callable[..., Any]) -> None:
    answer([row("ash", "", ["tally", "frames", [], 1.0])])

    assert main(["metrics"]) == 76
