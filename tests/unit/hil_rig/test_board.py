from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import DeviceError
from hil_rig.errors import BoardSilentError, BootLoopError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil_rig.rig import Rig

    MakeRig = Callable[..., Rig]


def test_a_boot_is_timed_and_says_why(rig: Rig) -> None:
    rig.power.cycle()

    boot = rig.board.boot()

    assert 0.3 < boot.seconds < 0.5
    assert (boot.reason, boot.starts) == ("power-on", 1)


def test_a_board_without_power_control_is_met_at_its_prompt(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig()
    rig.board.start()
    monkeypatch.setattr(type(rig.backend), "abilities", frozenset())

    assert rig.board.start().starts == 0
    with pytest.raises(DeviceError, match="no control over power"):
        rig.power.off()


def test_a_boot_loop_is_told_from_silence(make_rig: MakeRig) -> None:
    rig = make_rig("{defects: [boot-loop]}")

    with pytest.raises(BootLoopError, match=r"started \d times .*\n.*(?s:.*)panic: stack overflow"):
        rig.board.start()


def test_a_board_that_boots_too_slowly_is_named_with_its_last_lines(make_rig: MakeRig) -> None:
    rig = make_rig("{defects: [slow-boot]}")

    with pytest.raises(BoardSilentError, match=r"(?s)expected 'sim> ' within 3 s.*watchdog: 0.8 s"):
        rig.board.start()


def test_an_answer_that_holds_no_version_is_refused(make_rig: MakeRig) -> None:
    rig = make_rig(board="{version_command: led}")
    rig.board.start()

    with pytest.raises(DeviceError, match="said 'led off', which is no version"):
        rig.board.version()


def test_the_temperature_comes_by_frame(rig: Rig) -> None:
    assert 15 < rig.board.temperature() < 35


def test_a_dip_and_the_reset_line_restart_the_board(rig: Rig) -> None:
    rig.power.brown_out(0.05)
    assert rig.board.boot().reason == "brown-out"

    rig.power.reset()
    assert rig.board.boot().reason == "pin"


def test_a_figure_beyond_its_limit_fails_and_is_kept(rig: Rig) -> None:
    with pytest.raises(AssertionError, match="boot: 2 s, promised at most 1 s"):
        rig.measure("boot", 2.0, "s", limit=1.0)

    assert [measure.met for measure in rig.record.measures] == [False]
