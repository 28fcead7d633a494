"""The rig file ``rig.yaml``: which board, how it is reached, and what it promises.

name: bench 3
backend: serial
board: {prompt: "sensor> ", boot_within_s: 4.0}
serial: {port: /dev/serial/by-id/usb-FTDI_A50285BI-if00-port0, reset_line: dtr}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError
from cantor.scheduling.needs import parse
from firmware_bridge.declarations import Flag, Listing, Number, Table, Text
from firmware_bridge.strict_file import Problem, StrictFile, read_strict_file

if TYPE_CHECKING:
    from pathlib import Path

    from firmware_bridge.declarations import Schema

BACKENDS = ("simulated", "serial")
DEFECTS = {
    "slow-boot": "needs ten times its boot time",
    "boot-loop": "crashes before its prompt and starts again, for ever",
    "settings-in-place": "overwrites its only copy of the settings",
    "deaf-after-noise": "takes no frame any more once one was damaged",
    "no-watchdog": "stays hung when it hangs",
}
_PATTERN_LENGTH_MAX = 200

_BOARD = Table(
    default=None,
    keys={
        "prompt": Text(default="sim> ", length_max=64, description="What its shell prints."),
        "banner": Text(
            default=r"boot \S+ reset=(?P<reason>[a-z-]+)\s",
            length_max=_PATTERN_LENGTH_MAX,
            description="Regular expression of a boot's first line; group reason is optional. "
            r"Text comes in pieces: end it with \s, or a group may be cut short.",
        ),
        "version_command": Text(default="version", length_max=64),
        "version": Text(
            default=r"version (?P<version>\S+)",
            length_max=_PATTERN_LENGTH_MAX,
            description="Regular expression of its answer; group version is the version.",
        ),
        "expected_version": Text(
            default="", length_max=64, description="The version that must run; empty: any."
        ),
        "boot_within_s": Number(
            default=3.0, minimum=0.01, maximum=600, unit="s", description="Power on to prompt."
        ),
        "answer_within_s": Number(
            default=1.0, minimum=0.01, maximum=60, unit="s", description="Command to prompt."
        ),
        "watchdog_s": Number(
            default=1.0, minimum=0.01, maximum=600, unit="s", description="Hang to reset, at most."
        ),
        "frames": Flag(
            default=True, description="Whether it speaks the framed protocol on the same line."
        ),
    },
)
_SIMULATED = Table(
    default=None,
    keys={
        "version": Text(default="1.2.0", pattern=r"[0-9A-Za-z.+-]{1,32}", says="a version"),
        "boot_s": Number(default=0.4, minimum=0.01, maximum=60, unit="s"),
        "write_s": Number(
            default=0.08, minimum=0.001, maximum=10, unit="s", description="One write of settings."
        ),
        "watchdog_s": Number(default=0.8, minimum=0.01, maximum=60, unit="s"),
        "baud": Number(default=115200, whole=True, minimum=300, maximum=4_000_000, unit="baud"),
        "defects": Listing(
            default=(),
            item=Text(choices=tuple(DEFECTS)),
            maximum=len(DEFECTS),
            description="Faults of the firmware, to see that a scenario finds them: "
            + "; ".join(f"{name}: {what}" for name, what in DEFECTS.items()),
        ),
    },
)
_WORDS = Listing(
    default=(),
    item=Text(length_max=256),
    maximum=16,
    description="A program and its arguments; no shell reads it.",
)
_SERIAL = Table(
    default=None,
    keys={
        "port": Text(
            length_max=256,
            pattern="/.+",
            says="the path of a port",
            description="Best a name under /dev/serial/by-id, which stays the same.",
        ),
        "baud": Number(default=115200, whole=True, minimum=300, maximum=4_000_000, unit="baud"),
        "reset_line": Text(
            default="none", choices=("none", "dtr", "rts"), description="Which line pulls reset."
        ),
        "reset_s": Number(default=0.1, minimum=0.001, maximum=5, unit="s"),
        "power_on": _WORDS,
        "power_off": _WORDS,
        "power_within_s": Number(default=10.0, minimum=0.1, maximum=120, unit="s"),
    },
)
_RIG = Table(
    keys={
        "name": Text(length_max=64),
        "backend": Text(choices=BACKENDS, description="What stands behind the tests."),
        "seed": Number(
            default=1, whole=True, minimum=0, maximum=2**31, description="Of faults and timing."
        ),
        "needs": Text(
            default="", length_max=256, description="Resources of the node that holds the rig."
        ),
        "board": _BOARD,
        "simulated": _SIMULATED,
        "serial": _SERIAL,
    }
)


@dataclass(frozen=True, slots=True)
class BoardSpec:
    """What the driver must know of a board's firmware. Times in seconds."""

    prompt: str
    banner: str
    version_command: str
    version: str
    expected_version: str
    boot_within_s: float
    answer_within_s: float
    watchdog_s: float
    frames: bool


@dataclass(frozen=True, slots=True)
class SimulatedSpec:
    """What the simulated board is like. Times in seconds."""

    version: str
    boot_s: float
    write_s: float
    watchdog_s: float
    baud: int
    defects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SerialSpec:
    """How a real board is reached. Empty commands: its power cannot be switched."""

    port: str
    baud: int
    reset_line: str
    reset_s: float
    power_on: tuple[str, ...]
    power_off: tuple[str, ...]
    power_within_s: float


@dataclass(frozen=True, slots=True)
class RigSpec:
    """One rig; exactly one of ``simulated`` and ``serial`` is there."""

    name: str
    backend: str
    seed: int
    needs: str
    board: BoardSpec
    simulated: SimulatedSpec | None
    serial: SerialSpec | None


def rig_schema() -> Schema:
    """JSON Schema (2020-12) of a rig file."""
    head: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rig for hardware-in-the-loop tests",
    }
    return head | _RIG.schema()


def load_rig(path: Path) -> RigSpec:
    """The rig of a file.

    Raises:
        ConfigError: for the first problem found; it names file, line and key.
    """
    file = read_strict_file(path)
    spec, problems = read_rig(file)
    if spec is None:
        raise file.error(problems[0])
    return spec


def read_rig(file: StrictFile) -> tuple[RigSpec | None, list[Problem]]:
    """The rig, or everything that is wrong with it."""
    problems: list[Problem] = []
    values: dict[str, Any] = _RIG.read(file.content, (), problems)
    backend = values.get("backend", "")
    for section in BACKENDS:
        if section in file.content and section != backend and backend in BACKENDS:
            what = f"has no effect with the backend {backend}"
            problems.append(Problem((section,), what, f"remove it, or say backend: {section}"))
    if backend == "serial" and "serial" not in file.content:
        problems.append(Problem(("serial",), "is missing", "the backend serial needs its port"))
    board = values.get("board") or _BOARD.read({}, ("board",), [])
    _check_board(board, problems)
    serial = values.get("serial")
    if serial:
        _check_power(serial, problems)
    _check_needs(str(values.get("needs", "")), problems)
    if problems:
        return None, problems
    simulated = None
    if backend == "simulated":
        simulated = SimulatedSpec(**(values["simulated"] or _SIMULATED.read({}, (), [])))
    return RigSpec(
        name=values["name"],
        backend=backend,
        seed=values["seed"],
        needs=values["needs"],
        board=BoardSpec(**board),
        simulated=simulated,
        serial=SerialSpec(**serial) if serial else None,
    ), []


def _check_board(board: dict[str, Any], problems: list[Problem]) -> None:
    if not board["prompt"]:
        problems.append(Problem(("board", "prompt"), "must not be empty"))
    for key in ("banner", "version"):
        try:
            compiled = re.compile(board[key])
        except re.error as error:
            what = f"is no regular expression: {error.msg}"
            problems.append(Problem(("board", key), what))
            continue
        if key == "version" and "version" not in compiled.groupindex:
            problems.append(Problem(("board", key), "has no group (?P<version>...)"))


def _check_power(serial: dict[str, Any], problems: list[Problem]) -> None:
    for key, other in (("power_on", "power_off"), ("power_off", "power_on")):
        if serial[key] and not serial[other]:
            problems.append(Problem(("serial", key), f"is useless without {other}"))


def _check_needs(needs: str, problems: list[Problem]) -> None:
    if not needs:
        return
    try:
        parse(needs)
    except (CantorError, ValueError) as error:
        problems.append(Problem(("needs",), str(error)))
