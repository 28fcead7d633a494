from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil_rig.errors import BoardSilentError, FaultIdleError
from hil_rig.frames import AppFrame, encode

if TYPE_CHECKING:
    from hil_rig.rig import Rig


def test_lost_bytes_are_counted_and_over_when_disarmed(rig: Rig) -> None:
    with rig.faults.byte_loss(1.0, "to board") as fault, pytest.raises(BoardSilentError):
        rig.board.ping(b"12345")

    assert fault.fired == len(encode(AppFrame(1, 1, b"12345")))
    assert rig.board.ping(b"12345") == b"12345"


def test_flipped_bits_keep_the_length(rig: Rig) -> None:
    with rig.faults.bit_flip(1.0, "from board") as fault:
        struck = rig.faults.from_board(b"\x00" * 100)

    assert fault.fired == 100
    assert all(byte.bit_count() == 1 for byte in struck)


def test_a_fault_strikes_only_its_direction(rig: Rig) -> None:
    with rig.faults.byte_loss(1.0, "from board") as fault:
        assert rig.faults.to_board(b"abc") == b"abc"

    assert fault.fired == 0


def test_a_stuck_line_moves_again_after_its_time(rig: Rig) -> None:
    with rig.faults.stuck_line(0.3) as fault:
        with pytest.raises(BoardSilentError):
            rig.board.ping(b"1", within_s=0.2)
        rig.console.listen(0.2)
        assert rig.board.ping(b"2") == b"2"

    assert fault.fired > 0


def test_an_unexpected_reset_comes_once_after_its_bytes(rig: Rig) -> None:
    with rig.faults.unexpected_reset(after_bytes=4) as fault:
        rig.console.send("version")
        boot = rig.board.boot()
        assert rig.board.version() == "1.2.0"

    assert boot.reason == "pin"
    assert fault.fired == 1


def test_a_fault_that_never_fired_proves_nothing(rig: Rig) -> None:
    with rig.faults.byte_loss(0.0):
        rig.board.version()

    with pytest.raises(FaultIdleError, match="byte loss 0: never fired"):
        rig.faults.prove()


def test_cleared_faults_strike_no_more(rig: Rig) -> None:
    rig.faults.byte_loss(1.0)
    rig.faults.to_board(b"abc")
    rig.faults.clear()

    assert rig.board.version() == "1.2.0"
    assert rig.faults.counters() == {"byte loss 1": 3}
