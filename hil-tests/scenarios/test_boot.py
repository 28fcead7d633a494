"""A board comes to its prompt in time, says what it runs, and knows why it started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil_rig.board import Board
    from hil_rig.console import Console
    from hil_rig.power import Power
    from hil_rig.rig import Rig


@pytest.mark.rig_can("power")
def test_boots_to_its_prompt_and_reports_its_version(rig: Rig, board: Board, power: Power) -> None:
    slowest_s = 0.0
    for _ in range(3):
        power.cycle(off_s=0.5)

        boot = board.boot()

        assert boot.starts == 1, f"started {boot.starts} times"
        assert boot.reason in ("power-on", "")
        slowest_s = max(slowest_s, boot.seconds)
    rig.measure("power on to prompt", slowest_s, "s", limit=board.spec.boot_within_s)

    version = board.version()

    assert version
    assert board.spec.expected_version in ("", version)


def test_a_reboot_on_command_comes_back(rig: Rig, board: Board, console: Console) -> None:
    console.send("reboot")

    boot = board.boot()

    assert boot.reason in ("software", "")
    rig.measure("reboot to prompt", boot.seconds, "s", limit=board.spec.boot_within_s)
    assert board.version()


@pytest.mark.rig_can("brown-out")
def test_short_dips_of_the_supply_pass_and_longer_ones_reset(
    rig: Rig, board: Board, console: Console, power: Power
) -> None:
    console.command("led on")
    power.brown_out(0.002)
    assert "led on" in console.command("led")

    power.brown_out(0.05)

    boot = board.boot()
    assert boot.reason in ("brown-out", "")
    assert "led off" in console.command("led")
    rig.measure("dip to prompt", boot.seconds, "s", limit=board.spec.boot_within_s)
