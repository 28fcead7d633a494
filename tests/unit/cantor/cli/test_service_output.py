"""What is printed of logs that go on, and whose beginnings go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError, UnavailableError
from cantor.cli import service_output
from cantor.cli.service_output import FOLLOW_LINES, Output, fresh

GONE = UnavailableError("no agent answers here")


def row(name: str, *lines: str, error: str = "") -> dict[str, Any]:
    return {
        "node": name * 4,
        "name": name,
        "lines": list(lines),
        **({"error": error} if error else {}),
    }


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the agent answers, in turn: rows, or an error. Nobody waits in between."""
    told: list[Any] = []

    async def ask(_folder: Path, call: str, args: dict[str, Any], **_said: object) -> Any:  # noqa: ANN401
        assert (call, args["name"]) == ("service.logs", "counter")
        assert args["lines"] >= FOLLOW_LINES
        answer = told.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(service_output, "ask", ask)
    monkeypatch.setattr(service_output, "FOLLOW_S", 0.0)
    return told


async def followed(output: Output, lines: int = FOLLOW_LINES) -> None:
    """Follow until the agent is gone."""
    with pytest.raises(UnavailableError):
        await output.follow(lines)


@given(
    count=st.integers(0, 60),
    steps=st.lists(st.tuples(st.integers(0, 12), st.integers(12, 40)), max_size=12),
)
def test_each_line_is_printed_once_and_in_order(count: int, steps: list[tuple[int, int]]) -> None:
    log = [f"12:00:{number} ready" for number in range(count)]
    known = log[-20:]
    printed = list(known)
    begun = len(log) - len(known)

    for more, window in steps:  # it never prints more than a look shows
        log += [f"12:00:{len(log) + number} ready" for number in range(more)]
        shown = log[-window:]
        printed += fresh(known, shown)
        known = shown

    assert printed == log[begun:]


def test_a_log_that_begins_anew_is_shown_whole() -> None:
    assert fresh(["a", "b"], ["x", "y"]) == ["x", "y"]
    assert fresh([], ["x"]) == ["x"]
    assert fresh(["a"], []) == []
    assert fresh(["a", "b"], ["a", "b"]) == []


async def test_each_line_has_its_node_and_each_node_has_its_own_lines(
    answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers += [
        [row("ash", "1", "2", "3"), row("oak", error="it is away")],
        [row("ash", "1", "2", "3", "4"), row("oak", "1", "\x1b[2J")],
        GONE,
    ]

    await followed(Output(Path(), "counter"), lines=2)

    told = capsys.readouterr().out
    assert told.splitlines()[:4] == ["ash  2", "ash  3", "ash  4", "oak  1"]
    assert "\x1b" not in told, "what a service prints must not move the cursor"


async def test_what_was_printed_before_a_push_is_not_shown(
    answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers += [
        [row("ash", "old", "older"), row("oak", error="it is away")],
        [row("ash", "old", "older", "new"), row("elm", "first")],
        GONE,
    ]
    output = Output(Path(), "counter", is_json=True)

    await output.pass_over()
    await followed(output)

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"node": "ashashashash", "name": "ash", "line": "new"},
        {"node": "elmelmelmelm", "name": "elm", "line": "first"},
    ]


async def test_a_service_that_is_pushed_for_the_first_time_is_shown_whole(
    answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers += [ConfigError("there is no such service"), [row("ash", "ready")], GONE]
    output = Output(Path(), "counter")

    await output.pass_over()
    await followed(output)

    assert capsys.readouterr().out == "ash  ready\n"
