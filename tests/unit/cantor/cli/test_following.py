"""What becomes of a revision, and when it is settled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cantor.cli import following
from cantor.cli.following import Following

if TYPE_CHECKING:
    from collections.abc import Iterator


def row(state: str, *, name: str = "gate", why: str = "", is_current: bool = True) -> Any:  # noqa: ANN401
    return {
        "node": name, "name": name, "state": state, "why": why, "is_current": is_current,
        "is_alive": True,
    }  # fmt: skip


def view(*rows: Any, number: int = 2, wanted: str = "running", why: str = "", **said: Any) -> Any:  # noqa: ANN401
    base = {"name": "counter", "revision": {"number": number}, "wanted": wanted, "why": why}
    return {**base, "canaries": [], "nodes": list(rows), **said}


async def settled(monkeypatch: pytest.MonkeyPatch, *views: Any) -> bool:  # noqa: ANN401
    """What the last of these views settles."""
    told: Iterator[Any] = iter(views)

    async def ask(folder: Path, call: str, *_args: object, **_said: object) -> Any:  # noqa: ANN401
        return [next(told)] if call == "service.list" else {"count": 1}

    monkeypatch.setattr(following, "ask", ask)
    is_good, _ = await Following(Path(), "counter", 2, is_told=True).until_settled(60.0)
    assert next(told, None) is None, "it did not wait for the rest"
    return is_good


async def test_it_is_settled_when_it_is_good_everywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [
        view(row("starting"), row("trial", name="desk")),
        view(row("running"), row("trial", name="desk")),
        view(row("running"), row("finished", name="desk")),
    ]

    assert await settled(monkeypatch, *steps)
    assert [line.split()[2:] for line in capsys.readouterr().out.splitlines()] == [
        ["gate", "starting"], ["desk", "trial"], ["gate", "running"], ["desk", "finished"],
    ]  # fmt: skip


async def test_what_a_node_says_of_the_revision_before_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = view(row("running", is_current=False))

    assert await settled(monkeypatch, before, view(row("running")))


async def test_it_has_failed_when_no_node_goes_on_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [
        view(row("returned", why="exit code 1"), row("trial", name="desk")),
        view(row("returned", why="exit code 1"), row("running", name="desk")),
    ]

    assert not await settled(monkeypatch, *steps)
    assert "gate  returned: exit code 1" in capsys.readouterr().out


async def test_a_canary_that_fails_is_waited_for_until_all_are_told_to_return(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = view(row("returned"), canaries=["gate"])

    assert not await settled(monkeypatch, failed, view(number=3, why="it failed on gate"))
    assert "returned: it failed on gate" in capsys.readouterr().out


@pytest.mark.parametrize("later", [view(number=3), view(wanted="stopped")])
async def test_what_another_person_wants_instead_settles_it(
    monkeypatch: pytest.MonkeyPatch,
    later: Any,  # noqa: ANN401
) -> None:
    assert await settled(monkeypatch, view(row("trial")), later)
