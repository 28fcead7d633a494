"""Programs that nobody here wrote, on Cantor's executor: ``make compatibility``.

CPython's tests of executors, Joblib's tests of ``Parallel``, and a graph of Dask, all unchanged but
for the executor. Runs in an environment of its own (``python3 .ci/bootstrap.py compatibility``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.compatibility import cpython_tests

ROOT = Path(__file__).resolve().parents[2]
NOT_HERE = {
    "test_nested_loop[loky-cantor]": "a worker of loky has not registered the backend",
    "test_nested_loop[back_compat_backend-cantor]": "nor has one of multiprocessing",
}


def run(name: str, *command: str, paths: tuple[Path, ...] = ()) -> bool:
    """Run a part; whether all of it passed."""
    print(f"\n{name}", flush=True)
    found = os.pathsep.join(map(str, (*paths, ROOT)))
    done = subprocess.run([sys.executable, *command], env={**os.environ, "PYTHONPATH": found})
    return done.returncode == 0


def joblib_tests() -> Path:
    """Where Joblib's own tests of ``Parallel`` lie."""
    spec = find_spec("joblib")
    if spec is None or spec.origin is None:
        sys.exit("Joblib is missing: run python3 .ci/bootstrap.py compatibility")
    return Path(spec.origin).parent / "test" / "test_parallel.py"


def main() -> int:
    """Run all; 1 if something fails."""
    parts = []
    tests = cpython_tests.found(ROOT / ".tools" / "compatibility" / "cpython")
    if tests is None:
        print(
            "CPython's own tests are left out: this Python comes without, and there is no apt-get"
        )
    else:
        parts.append(run("CPython", "-m", "tests.compatibility.cpython", paths=(tests,)))
    for name, reason in NOT_HERE.items():
        print(f"{name} does not apply: {reason}")
    path = joblib_tests()
    left_out = [f"--deselect={path.name}::{name}" for name in NOT_HERE]
    parts.append(
        run("Joblib", "-m", "pytest", "-q", "-c", os.devnull,
            "-p", "tests.compatibility.joblib_plugin", "-p", "no:cacheprovider",
            f"--rootdir={path.parent}", "-k", "cantor", *left_out, str(path))
    )  # fmt: skip
    parts.append(run("Dask", "-m", "tests.compatibility.dask_graph"))
    return int(not all(parts))


if __name__ == "__main__":
    sys.exit(main())
