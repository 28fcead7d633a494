"""ONNX Runtime says nothing about this machine to anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOADS = """
import os
from galaxy.detection.model_file import Model
from galaxy.detection.packaged import model_path
Model(model_path("conveyor"))
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""


def test_a_model_is_loaded_without_a_trace_in_the_home_folder(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    home = {**kept, "HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", LOADS], env=home, capture_output=True, text=True, check=True
    )

    assert done.stdout == "1\n"
    assert list(tmp_path.rglob("*")) == []
