from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hil_rig.cli import plugin_arguments

ROOT = Path(__file__).resolve().parents[3]
SIMULATED = ROOT / "configs" / "rigs" / "simulated.yaml"


def run_pytest(folder: Path, tests: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin_arguments()]
    return subprocess.run(
        [*command, *options, "--rig-report", str(folder / "report"), str(tests)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def outcomes(folder: Path) -> dict[str, str]:
    cases = ElementTree.parse(folder / "report" / "junit.xml").iter("testcase")  # noqa: S314 # ours
    return {case.get("name", ""): _outcome(case) for case in cases}


def _outcome(case: ElementTree.Element) -> str:
    return next((part.tag for part in case if part.tag != "properties"), "passed")


def rig_with(folder: Path, *defects: str) -> Path:
    path = folder / "rig.yaml"
    listed = ", ".join(defects)
    text = SIMULATED.read_text() + f"  defects: [{listed}]\n"
    path.write_text(text)
    return path


def test_every_scenario_passes_on_the_simulated_board(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, ROOT / "hil-tests" / "scenarios", "--rig", str(SIMULATED))

    assert done.returncode == 0, done.stdout
    assert set(outcomes(tmp_path).values()) == {"passed"}
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("<section") == len(outcomes(tmp_path))
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("defect", "scenario"),
    [
        ("slow-boot", "test_boots_to_its_prompt_and_reports_its_version"),
        ("boot-loop", "test_boots_to_its_prompt_and_reports_its_version"),
        ("settings-in-place", "test_a_power_cut_while_settings_are_written_leaves_them_whole"),
        ("deaf-after-noise", "test_framing_recovers_after_line_noise[bit-flip]"),
        ("no-watchdog", "test_the_watchdog_ends_a_hang"),
    ],
)
def test_each_defect_of_the_firmware_is_found_by_its_scenario(
    tmp_path: Path, defect: str, scenario: str
) -> None:
    rig = rig_with(tmp_path, defect)

    done = run_pytest(tmp_path, ROOT / "hil-tests" / "scenarios", "--rig", str(rig))

    assert done.returncode == 1, done.stdout
    found = outcomes(tmp_path)
    assert found[scenario] in ("failure", "error")
    if defect not in ("slow-boot", "boot-loop"):
        assert [name for name, verdict in found.items() if verdict == "passed"]


def own_test(folder: Path, body: str) -> Path:
    path = folder / "test_own.py"
    path.write_text(f"import pytest\n\n{body}\n")
    return path


def test_a_test_with_a_board_asks_for_a_rig(tmp_path: Path) -> None:
    test = own_test(tmp_path, "def test_board(board): pass")

    done = run_pytest(tmp_path, test)

    assert done.returncode == 1
    assert "this test needs a board: say --rig FILE" in done.stdout


def test_a_wrong_rig_file_ends_the_run_with_one_line(tmp_path: Path) -> None:
    rig = tmp_path / "rig.yaml"
    rig.write_text("name: a\nbackend: simulated\ncolour: red\n")

    done = run_pytest(tmp_path, own_test(tmp_path, "def test_a(): pass"), "--rig", str(rig))

    assert done.returncode == 4
    assert "rig.yaml:3: colour: unknown key" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_idle_fault_fails_and_an_ability_that_is_missing_skips(tmp_path: Path) -> None:
    test = own_test(
        tmp_path,
        "def test_idle(board, faults):\n    faults.byte_loss(0.0)\n    board.version()\n\n"
        "@pytest.mark.rig_can('flight')\ndef test_fly(board): pass\n",
    )

    done = run_pytest(tmp_path, test, "--rig", str(SIMULATED), "--rig-seed", "3")

    assert outcomes(tmp_path)["test_fly"] == "skipped"
    assert "byte loss 0: never fired, so the test proved nothing" in done.stdout
    page = (tmp_path / "report" / "report.html").read_text()
    assert "seed 3" in page
    assert "never fired" in page
    assert "no control over flight" in page
