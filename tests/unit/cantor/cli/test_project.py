"""``cantor project`` and ``cantor pool``: what they ask of the agent and what they print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError
from cantor.cli import pool, project
from cantor.cli.main import main
from cantor.cli.project import limit_from_text

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

LISTED: list[dict[str, Any]] = [
    {"project": "default", "share": 1, "priority": 0, "limits": {}},
    {"project": "lab", "share": 1, "priority": 2, "limits": {"GPU": 4, "Memory": 2**31}},
]
USES = [
    {"resource": "GPU", "total": 16, "share": 8.0, "held": 9, "lent": 1.0, "waiting": 0},
    {"resource": "Memory", "total": 2**33, "share": 2**32, "held": 0, "lent": 0, "waiting": 2**30},
]


class Agent:
    """Answers in the agent's place."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Value]] = []

    async def __call__(self, folder: Path, call: str, args: Value = None) -> object:
        self.asked.append((call, args))
        return self.answer


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    made = Agent(LISTED)
    monkeypatch.setattr(project, "ask", made)
    monkeypatch.setattr(pool, "ask", made)
    return made


def test_a_project_is_set_with_what_is_given(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["project", "set", "lab", "--share", "1", "--limit", "GPU=4", "--limit", "Memory=2GiB"]
    assert main([*words, "--limit", "CPU=none"]) == 0
    limits = {"GPU": 4, "Memory": 2**31, "CPU": None}
    assert agent.asked == [
        ("project.set", {"name": "lab", "share": 1, "priority": None, "limits": limits})
    ]
    assert capsys.readouterr().out.splitlines()[2].split() == [
        "lab", "1", "2", "GPU=4,", "Memory=2.0", "GiB",
    ]  # fmt: skip


def test_projects_are_listed_and_removed(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["project", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == LISTED
    assert main(["project", "remove", "lab"]) == 0
    assert agent.asked[1] == ("project.remove", {"name": "lab"})


@pytest.mark.parametrize("text", ["GPU", "GPU=many", "GPU=true", "=4"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="limits nothing"):
        limit_from_text(text)


def test_the_pool_is_shown_by_project_and_quantity(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.answer = [{**LISTED[0], "uses": []}, {**LISTED[1], "uses": USES}]
    assert main(["pool"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    rows = [[word.strip() for word in line if word.strip()] for line in lines]
    assert rows[1] == ["default", "1", "0", *["-"] * 7]
    assert rows[2] == ["lab", "1", "2", "GPU", "16", "8", "9", "1", "-", "4"]
    gib = ["8.0 GiB", "4.0 GiB", "-", "-", "1.0 GiB", "2.0 GiB"]
    assert rows[3] == ["Memory", *gib]
    assert main(["pool", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == agent.answer
