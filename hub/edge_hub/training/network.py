"""The network of the small detector: a centre detector after CenterNet (Zhou et al., 2019).

Import it only where PyTorch is installed; nothing that runs on a node needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeAlias

from edge_devices.simulated.scene import LABELS

# torch is no dependency: types are checked where it is not installed.
torch = import_module("torch")
nn = import_module("torch.nn")
Module: Any = nn.Module
functional = import_module("torch.nn.functional")

Tensor: TypeAlias = Any

_SIZE_UNIT_PX = 32.0
_HEAT_BIAS = -2.2


def _conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> Tensor:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class CentreNet(Module):  # type: ignore[misc]
    """Three scales down to stride 16, added back up to stride 4, then one small head.

    Input (N, 3, H, W) RGB 0..1 with H and W multiples of 16. Output: heat logits (N, C, H/4, W/4)
    and shape (N, 4, H/4, W/4): offset x, y in cells and size w, h in input pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 16, stride=2)
        self.at4 = nn.Sequential(_conv(16, 32, stride=2), _conv(32, 32))
        self.at8 = nn.Sequential(_conv(32, 48, stride=2), _conv(48, 48))
        self.at16 = nn.Sequential(_conv(48, 64, stride=2), _conv(64, 64), _conv(64, 64))
        self.up8, self.mix8 = _conv(64, 48, kernel=1), _conv(48, 48)
        self.up4, self.mix4 = _conv(48, 32, kernel=1), _conv(32, 32)
        self.heat = nn.Conv2d(32, len(LABELS), 1)
        self.shape = nn.Conv2d(32, 4, 1)
        self.head = _conv(32, 32)
        nn.init.constant_(self.heat.bias, _HEAT_BIAS)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        at4 = self.at4(self.stem(images * 2.0 - 1.0))
        at8 = self.at8(at4)
        up = functional.interpolate(self.up8(self.at16(at8)), scale_factor=2.0)
        up = functional.interpolate(self.up4(self.mix8(at8 + up)), scale_factor=2.0)
        features = self.head(self.mix4(at4 + up))
        shape = self.shape(features)
        return self.heat(features), torch.cat((shape[:, :2], shape[:, 2:] * _SIZE_UNIT_PX), dim=1)


class Exported(Module):  # type: ignore[misc]
    """The network as the file holds it: sigmoid and peak picking in the graph.

    Peaks are found by MaxPool, Equal and Mul, which every runtime and accelerator has.
    """

    def __init__(self, network: CentreNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, shape = self.network(images)
        heat = torch.sigmoid(logits)
        peaks = functional.max_pool2d(heat, 3, stride=1, padding=1)
        heatmap = heat * torch.eq(heat, peaks).to(heat.dtype)
        return heatmap, shape[:, :2], shape[:, 2:]


def loss(answer: tuple[Tensor, Tensor], heat: Tensor, shape: Tensor, centres: Tensor) -> Tensor:
    """Focal loss on the heat map, L1 on offsets, 0.1 L1 on sizes, per object.

    Source: Zhou, Wang, Krähenbühl, "Objects as Points", 2019, equations 1, 2 and 3.
    """
    logits, guessed = answer
    objects = centres.sum().clamp(min=1.0)
    chance = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    hit = heat.eq(1.0).to(heat.dtype)
    found = torch.log(chance) * (1 - chance) ** 2 * hit
    quiet = torch.log(1 - chance) * chance**2 * (1 - heat) ** 4 * (1 - hit)
    error = (guessed - shape).abs() * centres
    total = -(found + quiet).sum() + error[:, :2].sum() + 0.1 * error[:, 2:].sum()
    return total / objects
