from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.node.sandboxes import Sandboxes
from cantor.workers.sandbox.rules import Rules
from cantor.workers.sandbox.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.workers.sandbox.levels import Level

ME, ASH, BIRCH = (NodeId(f"{number:02d}" * 16) for number in range(3))


def machine(*gives: Level) -> dict[Level, Trial]:
    every: tuple[Level, ...] = ("full", "net", "none")
    return {
        level: Trial(level)
        if level in (*gives, "none")
        else Trial(level, "mount: no", "sudo do-it")
        for level in every
    }


async def found(folder: Path, rules: Rules, *gives: Level) -> Sandboxes:
    sandboxes = Sandboxes(ME, folder, rules, machine(*gives).__getitem__)
    assert not sandboxes.is_tried
    assert "not known yet" in sandboxes.why_not("full")
    await sandboxes.try_all()
    await sandboxes.tried()
    return sandboxes


async def test_a_machine_that_gives_all_refuses_nothing(tmp_path: Path) -> None:
    sandboxes = await found(tmp_path, Rules(), "full", "net")

    assert sandboxes.why_not_others() == ""
    assert [one.value for one in sandboxes.resources] == ["full"]
    assert sandboxes.status() == {"sandbox": "full", "sandbox_of_others": "full"}
    assert sandboxes.of("full").hidden == (tmp_path,)


async def test_what_it_cannot_give_is_refused_with_the_reason_and_what_to_do(
    tmp_path: Path,
) -> None:
    sandboxes = await found(tmp_path, Rules(), "net")

    why = sandboxes.why_not_others()

    assert "full, which its machine cannot give: mount: no (sudo do-it" in why
    assert "--sandbox net" in why
    assert sandboxes.best == "net"
    assert sandboxes.status()["sandbox_refuses"] == why


async def test_who_is_given_less_may_run_where_the_others_may_not(tmp_path: Path) -> None:
    sandboxes = await found(tmp_path, Rules(nodes={ASH: "none"}))

    assert sandboxes.why_not_others() == ""
    assert sandboxes.why_not(sandboxes.level_of(ASH)) == ""
    assert sandboxes.why_not(sandboxes.level_of(BIRCH)) != ""
    assert sandboxes.best == "none"


async def test_what_a_task_submits_is_no_less_closed_than_it(tmp_path: Path) -> None:
    sandboxes = await found(tmp_path, Rules(nodes={ASH: "net"}), "full", "net")

    assert sandboxes.level_of(ME, "full") == "full"
    assert sandboxes.level_of(ASH, "none") == "net"
    with pytest.raises(RemoteProtocolError):
        sandboxes.level_of(ASH, "wide open")
