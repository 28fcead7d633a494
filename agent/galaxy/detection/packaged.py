"""The models that ship with Galaxy, by name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

PACKAGED = ("conveyor",)


def model_path(model: str) -> Path:
    """Where a model lies: a packaged one by its name, any other by its path."""
    if model in PACKAGED:
        return Path(str(files("galaxy") / "models" / f"{model}.onnx"))
    return Path(model)
