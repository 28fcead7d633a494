"""``python -m edge_hub.training``: train the conveyor detector and write its ONNX file."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from cantor.base.errors import CantorError
from edge_hub.training.dataset import generate
from edge_hub.training.detector import Recipe, export, parameters, train
from edge_hub.training.evaluation import detect_all, score

_HELD_OUT_SEEDS = range(8)
_HELD_OUT_FRAMES = 10


def main(arguments: list[str] | None = None) -> int:
    """Train, export and score on scenes that were never shown; 0 if all of it worked."""
    usual = Recipe()
    parser = argparse.ArgumentParser(prog="python -m edge_hub.training", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("conveyor.onnx"), help="file to write")
    parser.add_argument("--epochs", type=int, default=usual.epochs)
    parser.add_argument("--seeds", type=int, default=usual.seeds, help="scenes to learn from")
    parser.add_argument("--frames", type=int, default=usual.frames_per_seed, help="per scene")
    parser.add_argument("--threads", type=int, default=usual.threads)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON only")
    options = parser.parse_args(arguments)
    recipe = Recipe(
        seeds=options.seeds,
        frames_per_seed=options.frames,
        epochs=options.epochs,
        threads=options.threads,
    )
    try:
        network = train(recipe, _progress)
        export(network, recipe, options.out)
    except CantorError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    held_out = generate(_HELD_OUT_SEEDS, _HELD_OUT_FRAMES, recipe.width, recipe.height)
    figures = asdict(score(detect_all(options.out, held_out)))
    figures["parameters"] = parameters(network)
    figures["size_bytes"] = options.out.stat().st_size
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        sys.stdout.writelines(f"{name} {value:g}\n" for name, value in figures.items())
    return 0


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
