from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil_rig.errors import BoardSilentError, PortGoneError
from hil_rig.frames import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil_rig.rig import Rig

    MakeRig = Callable[..., Rig]


def test_a_command_gives_its_answer_without_echo_and_prompt(rig: Rig) -> None:
    assert rig.console.command("version") == "version 1.2.0"
    assert rig.console.command("get") == ""


def test_a_silent_board_is_named_with_what_was_expected_what_came_and_the_last_lines(
    rig: Rig,
) -> None:
    rig.console.send("version")

    with pytest.raises(BoardSilentError) as caught:
        rig.console.expect("version 9", within_s=0.5)

    message = str(caught.value)
    assert "simulated board at /dev/pts/" in message
    assert "expected 'version 9' within 0.5 s, came " in message
    assert "version 1.2.0" in caught.value.came
    assert any("app 1.2.0 ready" in line for line in caught.value.lines)


def test_a_deadline_counts_in_the_boards_time(rig: Rig) -> None:
    begin_s = rig.timeline.now_s

    with pytest.raises(BoardSilentError):
        rig.console.expect("never", within_s=3600)

    assert rig.timeline.now_s - begin_s == pytest.approx(3600)


def test_text_and_frames_share_the_line(rig: Rig) -> None:
    rig.console.send("version")

    assert rig.console.request(Kind.PING, b"\x00\xf5\x00 data") == b"\x00\xf5\x00 data"
    assert "version 1.2.0" in rig.console.expect_prompt()


def test_without_power_the_port_is_gone_and_nothing_comes(rig: Rig) -> None:
    rig.power.off()

    with pytest.raises(PortGoneError, match="switch the board on"):
        rig.console.send("version")
    with pytest.raises(BoardSilentError):
        rig.console.expect_prompt(5.0)


def test_the_same_seed_gives_the_same_run_to_the_last_stamp(make_rig: MakeRig) -> None:
    events = []
    for seed in (1, 1, 2):
        one = make_rig(seed=seed)
        one.board.start()
        with one.faults.bit_flip(0.05):
            for _ in range(5):
                one.console.send("version")
                one.console.listen(0.1)
        events.append(one.record.events)

    assert events[0] == events[1] != events[2]
