from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from cantor.base.errors import ConfigError
from hil_rig.rig_file import load_rig, rig_schema

RIGS = Path(__file__).resolve().parents[3] / "configs" / "rigs"


def write(folder: Path, text: str) -> Path:
    path = folder / "rig.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(RIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_rigs_can_be_read_and_fit_the_schema(path: Path) -> None:
    spec = load_rig(path)

    assert spec.backend == path.stem
    jsonschema_rs.validate(rig_schema(), yaml.safe_load(path.read_text()))


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    spec = load_rig(write(tmp_path, "{name: a, backend: simulated}"))

    assert spec.simulated is not None
    assert spec.simulated.defects == ()
    assert (spec.board.prompt, spec.board.boot_within_s, spec.seed) == ("sim> ", 3.0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: a\nbackend: simulated\nspeed: 9\n",
            r"rig.yaml:3: speed: unknown key — known keys: ",
        ),
        ("name: a\nbackend: real\n", "rig.yaml:2: backend: must be one of simulated, serial"),
        ("name: a\nbackend: serial\n", "rig.yaml:1: serial: is missing"),
        (
            "name: a\nbackend: simulated\nserial: {port: /dev/ttyUSB0}\n",
            "rig.yaml:3: serial: has no effect with the backend simulated",
        ),
        (
            "name: a\nbackend: simulated\nsimulated:\n  defects: [lazy]\n",
            r"rig.yaml:4: simulated.defects\[0\]: must be one of slow-boot",
        ),
        (
            "name: a\nbackend: serial\nserial:\n  port: /dev/a\n  power_on: [a]\n",
            "rig.yaml:5: serial.power_on: is useless without power_off",
        ),
        ("name: a\nbackend: serial\nserial:\n  port: COM3\n", "rig.yaml:4: serial.port: must be"),
        (
            "name: a\nbackend: simulated\nboard:\n  banner: '('\n",
            "rig.yaml:4: board.banner: is no regular expression",
        ),
        (
            "name: a\nbackend: simulated\nboard: {version: x}\n",
            r"rig.yaml:3: board.version: has no group \(\?P<version>",
        ),
        ("name: a\nbackend: simulated\nboard: {prompt: ''}\n", "board.prompt: must not be empty"),
        ("name: a\nbackend: simulated\nneeds: GPU ==\n", "rig.yaml:3: needs: "),
        ("name: a\nbackend: simulated\nseed: -1\n", "rig.yaml:3: seed: must lie between 0"),
        ("name: a\nbackend: simulated\nseed: .nan\n", "rig.yaml:3: seed: must be a whole number"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_rig(write(tmp_path, text))
