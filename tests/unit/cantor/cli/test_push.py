"""``cantor push``: what is read of a folder, and what the agent is asked."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError, UnavailableError
from cantor.bundles import tree
from cantor.cli import following, log_reading, push
from cantor.node.logs.lines import Line

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 20.0


class Agent:
    """Answers as one whose only node does at once what is pushed to it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.pushed: list[dict[str, Any]] = []
        self.code: list[dict[str, bytes]] = []
        self.calls: list[str] = []
        self.state, self.warning = "running", ""
        self.lines: list[str] = []
        self.prints: list[str] = []
        """One more at each look after the second push; with the last one the agent ends."""
        self.is_gone = False

    async def __call__(self, folder: Path, call: str, args: Any = None, **_said: float) -> Any:  # noqa: ANN401
        assert folder == self.data
        self.calls.append(call)
        await asyncio.sleep(0)
        if self.is_gone:
            raise UnavailableError("no agent answers here")
        if call == "service.push":
            files = tree.unpack(Path(args["files"][""]).read_bytes())  # noqa: ASYNC240
            self.code.append({name: file.content for name, file in files.items()})
            self.pushed.append(args)
            return {**self.view(), "warning": self.warning}
        if call == "nodes":
            return [{"id": "a" * 32, "name": "ash", "state": "online"}]
        if call == "logs.read":
            return self.page(args)
        return [self.view()] if call == "service.list" else {"count": len(self.calls)}

    def page(self, args: dict[str, Any]) -> dict[str, Any]:
        """The lines after the place that is asked for, which is how many were before."""
        if len(self.pushed) > 1 and self.prints and not args.get("back"):
            self.lines.append(self.prints.pop(0))
            self.is_gone = not self.prints
        (_, begin) = args.get("place") or (1, 0)
        end = len(self.lines)
        raw = [Line(1.0, "info", args["source"], text).packed().decode() for text in self.lines]
        return {"lines": raw[begin:], "place": [1, end], "newest": [1, end], "is_end": True,
                "has_missed": False}  # fmt: skip

    def view(self) -> dict[str, Any]:
        row = {"node": "aa", "name": "ash", "state": self.state, "why": "", "is_current": True}
        return {
            "name": self.pushed[-1]["name"] if self.pushed else "counter",
            "wanted": "running", "why": "", "canaries": [],
            "revision": {"number": len(self.pushed)},
            "nodes": [{**row, "is_alive": True}],
        }  # fmt: skip


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    made = Agent(tmp_path / "data")
    for module in (push, following, log_reading):
        monkeypatch.setattr(module, "ask", made)
    monkeypatch.setattr(log_reading, "LOOK_S", 0.0)
    monkeypatch.setattr(push, "LOOK_S", 0.001)
    return made


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "Wall Clock"
    folder.mkdir()
    (folder / "main.py").write_text("print('ready')")
    return folder


def options(agent: Agent, code: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    push.register(parser.add_subparsers())
    return parser.parse_args(["push", str(code), "--data", str(agent.data), *words])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 (what another task does)
            await asyncio.sleep(0.001)


def test_the_agent_is_given_the_code_and_what_was_said(agent: Agent, code: Path) -> None:
    words = ("--to", "GPU = 1", "--note", "faster", "--canary", "10%", "--hold", "2")

    assert push.run(options(agent, code, *words, "--project", "wall")) == 0

    (asked,) = agent.pushed
    assert {**asked, "files": None} == {
        "files": None, "name": "wall-clock", "needs": "GPU = 1", "note": "faster",
        "canary": "10%", "hold_s": 2.0, "project": "wall",
    }  # fmt: skip
    assert agent.code == [{"main.py": b"print('ready')"}]
    assert not Path(asked["files"][""]).exists(), "what was made for the agent lies about"


def test_its_name_is_that_of_the_option_the_manifest_or_the_folder(
    agent: Agent, code: Path
) -> None:
    push.run(options(agent, code, "--no-wait"))
    (code / "service.yaml").write_text("name: from-manifest")
    push.run(options(agent, code, "--no-wait"))
    push.run(options(agent, code, "--no-wait", "--name", "from-option"))

    assert [one["name"] for one in agent.pushed] == ["wall-clock", "from-manifest", "from-option"]


def test_a_folder_whose_name_is_none_must_be_given_one(agent: Agent, code: Path) -> None:
    odd = code.rename(code.with_name("---"))

    with pytest.raises(ConfigError, match="--name"):
        push.run(options(agent, odd))
    assert agent.pushed == []


@pytest.mark.parametrize(("state", "warning", "words", "exit_code"), [
    ("running", "", (), 0),
    ("failing", "", (), 1),
    ("failing", "", ("--no-wait",), 0),
    ("failing", "no node has a GPU", (), 0),
    ("starting", "", ("--timeout", "0"), 1),
])  # fmt: skip
def test_the_exit_code_says_whether_it_is_well(
    agent: Agent,
    code: Path,
    state: str,
    warning: str,
    words: tuple[str, ...],
    exit_code: int,
) -> None:
    agent.state, agent.warning = state, warning

    assert push.run(options(agent, code, *words)) == exit_code


def test_what_cannot_be_pushed_is_refused_before_the_agent_is_asked(
    agent: Agent, code: Path
) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        push.run(options(agent, code / "main.py"))
    with pytest.raises(ConfigError):
        push.run(options(agent, code, "--to", "GPU = = 1"))
    (code / "service.yaml").write_text("nonsense: 1")
    with pytest.raises(ConfigError, match="nonsense"):
        push.run(options(agent, code))
    assert agent.calls == []


def test_files_that_the_manifest_ignores_and_hidden_ones_stay_here(
    agent: Agent, code: Path
) -> None:
    (code / "service.yaml").write_text('ignore: ["*.log"]')
    (code / "much.log").write_text("x")
    (code / ".secret").write_text("x")

    push.run(options(agent, code))

    assert set(agent.code[0]) == {"main.py", "service.yaml"}


def test_stamps_change_when_a_file_is_saved_and_not_with_hidden_ones(code: Path) -> None:
    before = push.stamps(code)
    (code / ".draft").write_text("x")
    assert push.stamps(code) == before
    below = code / "package"
    below.mkdir()
    (below / "one.py").write_text("1")
    changed = push.stamps(code)
    assert changed != before
    (below / "one.py").write_text("22")
    assert push.stamps(code) != changed
    assert push.stamps(code / "gone") == ()


async def test_watch_pushes_each_save_tells_what_is_wrong_and_shows_the_output(
    agent: Agent, code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watching = asyncio.ensure_future(push._watch(options(agent, code, "--watch", "--follow")))
    await until(lambda: len(agent.pushed) == 1)
    (code / "service.yaml").write_text("nonsense: 1")
    told = ""

    def says_why() -> bool:
        nonlocal told
        told += capsys.readouterr().err
        return "nonsense" in told

    await until(says_why)
    (code / "service.yaml").write_text("name: wall-clock")
    await until(lambda: len(agent.pushed) == 2)
    agent.lines = ["ready"]
    count = len(agent.calls)
    await until(lambda: agent.calls[count:].count("logs.read") > 1)

    agent.is_gone = True
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(watching, WAIT_S)
    assert "00:00:01.000  ready\n" in capsys.readouterr().out


def test_follow_goes_on_after_it_is_well_and_shows_what_came_since_the_push(
    agent: Agent, code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push.run(options(agent, code, "--no-wait"))
    agent.lines = ["of the revision before"]
    agent.prints = [f"new {number}" for number in range(20)]

    with pytest.raises(UnavailableError):
        push.run(options(agent, code, "--follow"))

    shown = [line for line in capsys.readouterr().out.splitlines() if "1970" in line]
    assert shown == [f"1970-01-01 00:00:01.000  new {number}" for number in range(20)]
