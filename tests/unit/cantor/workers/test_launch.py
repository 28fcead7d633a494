"""The last step before a service's program, also in a frozen program, which has no other Python."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from cantor.workers import launch

if TYPE_CHECKING:
    from pathlib import Path

AS_FROZEN = (
    "import sys; sys.frozen = True; from cantor.workers.launch import main; "
    "sys.exit(main(sys.argv[1:]))"
)
MAIN = """
import os, resource, sys
import beside, library
print(__name__, sys.argv, beside.WORD, library.WORD, resource.getrlimit(resource.RLIMIT_DATA)[0])
"""


def launched(
    folder: Path, *words: str, parent: int = 0, level: str = "none", is_frozen: bool = False
) -> subprocess.CompletedProcess[str]:
    program = ["-c", AS_FROZEN] if is_frozen else ["-I", "-S", launch.__file__]
    library = folder / "wheels"
    library.mkdir(exist_ok=True)
    (library / "library.py").write_text("WORD = 'wheel'\n")
    (folder / "beside.py").write_text("WORD = 'beside'\n")
    (folder / "main.py").write_text(MAIN)
    limit = str(1 << 30)
    return subprocess.run(
        [sys.executable, *program, str(parent or os.getpid()), level, limit, *words],
        capture_output=True, text=True, cwd=folder, timeout=60,
        env={**os.environ, "PYTHONPATH": str(library)},
    )  # fmt: skip


def test_a_script_runs_alike_by_an_own_python_and_in_a_frozen_program(tmp_path: Path) -> None:
    wanted = f"__main__ ['main.py', '--fast'] beside wheel {1 << 30}\n"
    for is_frozen in (False, True):
        done = launched(tmp_path, "python", "main.py", "--fast", is_frozen=is_frozen)
        assert (done.stdout, done.stderr, done.returncode) == (wanted, "", 0)


def test_a_module_runs_in_a_frozen_program(tmp_path: Path) -> None:
    done = launched(tmp_path, "python3", "-m", "main", "x", is_frozen=True)

    assert "__main__" in done.stdout, done.stderr
    assert "'x'] beside wheel" in done.stdout


def test_a_text_runs_alike_by_an_own_python_and_in_a_frozen_program(tmp_path: Path) -> None:
    text = "import sys, beside\nprint(__name__, sys.argv, beside.WORD)"
    for is_frozen in (False, True):
        done = launched(tmp_path, "python", "-c", text, "x", is_frozen=is_frozen)
        assert (done.stdout, done.stderr) == ("__main__ ['-c', 'x'] beside\n", "")


def test_another_program_takes_its_place(tmp_path: Path) -> None:
    assert launched(tmp_path, "sh", "-c", "exit 7").returncode == 7
    done = launched(tmp_path, "no-such-program")
    assert (done.returncode, done.stderr) == (
        launch.CANNOT_START, "no-such-program: No such file or directory\n",
    )  # fmt: skip


def test_nothing_starts_without_its_agent_or_at_a_level_that_is_none(tmp_path: Path) -> None:
    assert launched(tmp_path, "python", "main.py", parent=1).returncode == launch.CANNOT_START
    done = launched(tmp_path, "python", "main.py", level="half")
    assert (done.returncode, done.stdout) == (launch.CANNOT_START, "")
    assert "there is no such level: half" in done.stderr
