"""Settings survive power that goes at any moment of a write: all old or all new, never a mixture.

The firmware's shell must know ``set KEY=VALUE ...``, which answers ``ok``, and ``get KEY ...``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil_rig.board import Board
    from hil_rig.console import Console
    from hil_rig.faults import Faults
    from hil_rig.power import Power
    from hil_rig.rig import Rig

CUTS = 20


def ask_settings(console: Console) -> dict[str, str]:
    lines = console.command("get gain offset").splitlines()
    return dict(line.strip().split("=", 1) for line in lines if "=" in line)


def settings(number: int) -> dict[str, str]:
    return {"gain": str(number), "offset": str(-number)}


def write_command(wanted: dict[str, str]) -> str:
    return "set " + " ".join(f"{key}={value}" for key, value in wanted.items())


@pytest.mark.rig_can("power")
def test_a_power_cut_while_settings_are_written_leaves_them_whole(
    rig: Rig, board: Board, console: Console, power: Power
) -> None:
    held = settings(0)
    begin_s = rig.timeline.now_s
    assert "ok" in console.command(write_command(held))
    write_s = rig.timeline.now_s - begin_s
    kept_old = kept_new = 0

    for number in range(1, CUTS + 1):
        wanted = settings(number)
        console.send(write_command(wanted))
        # Spread over the write and a little beyond, so that both sides of its end are struck.
        console.listen((number - rig.random.random()) / CUTS * 1.3 * write_s)
        acknowledged = "ok" in console.unread.splitlines()
        power.off()
        console.listen(0.2)
        power.on()
        board.boot()

        found = ask_settings(console)

        assert found in (held, wanted), f"cut {number}: {found} is neither old nor new"
        assert found == wanted or not acknowledged, f"cut {number}: acknowledged and lost"
        kept_old += found == held
        kept_new += found == wanted
        held = found
        rig.timeline.sample("settings kept after cut", float(found == wanted))

    rig.measure("cuts that kept the old settings", kept_old, "cuts", limit=1, better="higher")
    rig.measure("cuts that kept the new settings", kept_new, "cuts", limit=1, better="higher")


@pytest.mark.rig_can("reset")
def test_a_reset_in_the_middle_of_a_command_changes_nothing(
    board: Board, console: Console, faults: Faults
) -> None:
    held = settings(7)
    assert "ok" in console.command(write_command(held))

    with faults.unexpected_reset(after_bytes=8):
        console.send(write_command(settings(8)))
        board.boot()

    assert ask_settings(console) == held
