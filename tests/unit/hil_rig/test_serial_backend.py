from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError, DeviceError
from firmware_bridge.strict_file import StrictFile
from hil_rig.errors import PortGoneError
from hil_rig.rig import Rig
from hil_rig.rig_file import RigSpec, SimulatedSpec, read_rig
from hil_rig.serial_line import SerialLine
from hil_rig.simulated.served import ServedBoard
from hil_rig.simulated.terminal import Terminal
from hil_rig.timeline import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOARD = SimulatedSpec(
    version="1.2.0", boot_s=0.1, write_s=0.02, watchdog_s=0.2, baud=115200, defects=()
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    board = ServedBoard(BOARD, 1, tmp_path / "port", tmp_path / "control")
    thread = threading.Thread(target=board.serve)
    thread.start()
    yield tmp_path
    board.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert not (tmp_path / "control").exists()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.hang_up()


def spec_of(text: str) -> RigSpec:
    spec, problems = read_rig(StrictFile("name: test\nbackend: serial\n" + text, "test.yaml"))
    assert spec is not None, problems
    return spec


def rig_on(folder: Path) -> Rig:
    switch = {word: f"[sh, -c, 'echo {word} > {folder}/control']" for word in ("on", "off")}
    return Rig(
        spec_of(
            f"board: {{boot_within_s: 20, answer_within_s: 10}}\nserial:\n  port: {folder}/port\n"
            f"  power_on: {switch['on']}\n  power_off: {switch['off']}\n"
        ),
        Record("test", 1),
    )


def test_the_same_driver_works_on_a_port_in_real_time(served: Path) -> None:
    rig = rig_on(served)
    rig.open()

    boot = rig.board.start()

    assert boot.starts <= 1
    assert rig.board.version() == "1.2.0"
    assert rig.board.ping(b"\x00hello") == b"\x00hello"
    rig.console.send("hang")
    assert rig.board.boot().reason == "watchdog"
    rig.close()


def test_a_port_that_goes_with_the_power_comes_back_with_it(served: Path) -> None:
    rig = rig_on(served)
    rig.open()
    rig.board.start()
    assert "ok" in rig.console.command("set gain=4")

    for _ in range(3):
        rig.power.cycle(off_s=0.05)
        rig.board.boot()

    assert rig.console.command("get gain") == "gain=4"
    rig.close()


def test_a_second_run_cannot_take_the_same_port(terminal: Terminal) -> None:
    first, second = SerialLine(terminal.path, 115200), SerialLine(terminal.path, 115200)
    first.open()

    with pytest.raises(DeviceError, match="another program holds it — end the other run"):
        second.open()

    first.close()
    second.open()
    second.close()


def test_a_missing_port_is_named() -> None:
    with pytest.raises(DeviceError, match=r"/dev/ttyNone9: there is no such port — plug"):
        SerialLine("/dev/ttyNone9", 115200).open()


def test_a_port_that_the_user_may_not_open_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root, who may run this test, is refused nothing

    with pytest.raises(DeviceError, match=r"may not open it — add the user to the port's group"):
        SerialLine("/dev/ttyS0", 115200).open()


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DeviceError, match="cannot be opened as a serial port"):
        SerialLine(str(tmp_path / "file"), 115200).open()


def test_a_port_that_hangs_up_is_told_from_silence(terminal: Terminal) -> None:
    other = Terminal()
    line = SerialLine(other.path, 115200)
    line.open()
    assert line.read(0.0) == b""

    other.hang_up()

    with pytest.raises(PortGoneError, match="hung up — is the board powered"):
        line.read(1.0)
    with pytest.raises(PortGoneError, match="is not open"):
        line.write(b"x")


def test_a_terminal_has_no_reset_line(terminal: Terminal) -> None:
    rig = Rig(spec_of(f"serial: {{port: {terminal.path}, reset_line: dtr}}\n"), Record("test", 1))
    rig.open()

    with pytest.raises(DeviceError, match="cannot drive its line dtr"):
        rig.power.reset()
    rig.close()


@pytest.mark.parametrize(
    ("command", "within_s", "message"),
    [
        ("[sh, -c, 'echo no hub >&2; exit 3']", 30, "ended with 3: no hub"),
        ("[/no/such/switch]", 30, "cannot be run: No such file"),
        ("[sh, -c, 'read line < /dev/ptmx']", 0.1, r"did not end within 0\.1 s"),
    ],
)
def test_a_power_switch_that_fails_is_named(
    terminal: Terminal, command: str, within_s: float, message: str
) -> None:
    rig = Rig(
        spec_of(
            f"serial:\n  port: {terminal.path}\n  power_on: {command}\n"
            f"  power_off: {command}\n  power_within_s: {within_s}\n"
        ),
        Record("test", 1),
    )

    with pytest.raises(DeviceError, match=message):
        rig.open()


def test_a_served_board_takes_no_path_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("")

    with pytest.raises(ConfigError, match="port: is already there"):
        ServedBoard(BOARD, 1, tmp_path / "port", tmp_path / "control")
