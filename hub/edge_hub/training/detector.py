"""The recipe of the conveyor detector: generate, train on CPU, export one ONNX file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from edge_devices.simulated.scene import LABELS
from edge_hub.training.dataset import STRIDE, Sample, augmented, generate, target_maps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from edge_hub.training.network import CentreNet, Tensor

OPSET = 18
_SIZE_MULTIPLE = 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out; the same recipe gives the same data and order."""

    width: int = 320
    height: int = 240
    seeds: int = 48
    frames_per_seed: int = 25
    first_seed: int = 1000
    epochs: int = 10
    batch: int = 16
    rate_max: float = 4e-3
    threads: int = 1
    random_seed: int = 20

    def __post_init__(self) -> None:
        if self.width % _SIZE_MULTIPLE or self.height % _SIZE_MULTIPLE:
            raise ValueError(f"the input size must be a multiple of {_SIZE_MULTIPLE} both ways")


def train(recipe: Recipe, report: Callable[[str], None]) -> CentreNet:
    """Train a detector on generated scenes; ``report`` gets one line of progress per epoch.

    Raises:
        UnavailableError: PyTorch is not installed.
    """
    torch = _torch()
    import numpy as np

    from edge_hub.training.network import CentreNet, loss

    torch.manual_seed(recipe.random_seed)
    torch.set_num_threads(recipe.threads)
    random = np.random.default_rng(recipe.random_seed)
    seeds = range(recipe.first_seed, recipe.first_seed + recipe.seeds)
    started = time.monotonic()
    samples = list(generate(seeds, recipe.frames_per_seed, recipe.width, recipe.height))
    report(f"{len(samples)} pictures generated in {time.monotonic() - started:.0f} s")
    network: CentreNet = CentreNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate_max, weight_decay=1e-4)
    steps = recipe.epochs * (len(samples) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate_max, total_steps=steps)
    for epoch in range(recipe.epochs):
        network.train()
        losses: list[float] = []
        for images, heat, shape, centres in _batches(samples, recipe.batch, random):
            optimizer.zero_grad(set_to_none=True)
            value = loss(network(images), heat, shape, centres)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 20.0)
            optimizer.step()
            schedule.step()
            losses.append(float(value.detach()))
        report(
            f"epoch {epoch + 1}/{recipe.epochs}: loss {sum(losses) / len(losses):.3f}, "
            f"{time.monotonic() - started:.0f} s, {time.process_time():.0f} CPU-s"
        )
    return network


def export(network: CentreNet, recipe: Recipe, path: Path) -> None:
    """Write a trained detector as one ONNX file, whole or not at all."""
    torch = _torch()
    onnx = import_module("onnx")
    from edge_hub.training.network import Exported

    whole = Exported(network).eval().to(memory_format=torch.contiguous_format)
    images = torch.zeros(1, 3, recipe.height, recipe.width)
    program = torch.onnx.export(
        whole,
        (images,),
        input_names=["images"],
        output_names=["heatmap", "offset", "size"],
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    onnx.helper.set_model_props(
        model,
        {
            "head": "heatmap",
            "names": json.dumps(list(LABELS)),
            "stride": str(STRIDE),
            "channels": "RGB",
            "resize": "stretch",
            "license": "Apache-2.0",
        },
    )
    del model.graph.value_info[:], model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(model.SerializeToString())
    unfinished.replace(path)


def parameters(network: CentreNet) -> int:
    """How many numbers were learnt."""
    return sum(int(p.numel()) for p in network.parameters())


def _batches(
    samples: list[Sample], size: int, random: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Shuffled, augmented batches; the pictures that fill no batch wait for another epoch."""
    import numpy as np

    torch = _torch()
    order = random.permutation(len(samples))
    for start in range(0, len(order) - size + 1, size):
        chosen = [augmented(samples[i], random) for i in order[start : start + size]]
        images = np.stack([sample.image for sample in chosen])
        maps = [np.stack(part) for part in zip(*map(target_maps, chosen), strict=True)]
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255.0)
        yield pixels, *(torch.from_numpy(part) for part in maps)


def _torch() -> Tensor:
    try:
        return import_module("torch")
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "PyTorch is not installed",
            where="training",
            remedy="pip install torch onnx onnxscript in the environment that trains",
        ) from error
