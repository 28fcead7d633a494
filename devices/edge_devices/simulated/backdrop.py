"""What lies behind the parts: the woven belt, its rails, the lamp and the noise of the sensor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

NOISE_SHIFTS_PX = 64
"""The noise bank is larger than the picture by this much, each way."""

_NOISE_SIGMA = 4.0
_LIGHT_WIDTHS = 1.6


def belt_texture(seed: int, width: int, height: int, rail_px: int) -> Image:
    """Woven rubber that repeats after two widths: uint8 (height, 3 width, 3) BGR.

    Any window of one width that starts in the first two widths is one slice.
    """
    import cv2
    import numpy as np

    random = np.random.default_rng(seed)
    length = 2 * width
    grain = random.normal(0.0, 1.0, (height, length)).astype(np.float32)
    smears = np.tile(random.normal(0.0, 1.0, (height, length)).astype(np.float32), (1, 3))
    blurred = cv2.GaussianBlur(smears, (0, 0), sigmaX=width / 26, sigmaY=height / 240)
    scuffs = blurred[:, length : 2 * length] / float(blurred.std())
    y, x = np.mgrid[0:height, 0:length].astype(np.float32)
    period = length / max(1, round(60 * length / height))
    weave = np.sin(math.tau * x / period) * np.sin(math.tau * y / period)
    pitch = length / max(1, round(1.6 * length / height))
    rib = np.exp(-((x % pitch - pitch / 2) ** 2) / (2 * (height / 300) ** 2))
    tone = 66 + 3.5 * weave + 2.5 * grain + 4.0 * scuffs + 10 * rib
    edge = np.minimum(y - rail_px, height - rail_px - y) / (0.05 * height)
    tone = tone * np.clip(0.5 + 0.5 * edge, 0.45, 1.0)
    tint = np.array((1.06, 1.0, 0.88), dtype=np.float32)
    texture: Image = np.clip(tone[..., None] * tint, 0, 255).astype(np.uint8)
    return np.concatenate((texture, texture[:, :width]), axis=1)


def light_map(width: int, height: int) -> Image:
    """A warm lamp in a cool hall: uint8 (height, 1.6 width, 3), 128 leaves a picture as it is."""
    import numpy as np

    wide = round(_LIGHT_WIDTHS * width)
    y, x = np.mgrid[0:height, 0:wide].astype(np.float32)
    lamp = np.exp(-(((x / wide - 0.5) / 0.3) ** 2) - ((y / height - 0.42) / 0.62) ** 2)
    cool, warm = np.array((104, 97, 92)), np.array((38, 56, 64))
    light: Image = np.clip(cool + lamp[..., None] * warm, 0, 255).astype(np.uint8)
    return light


def noise_bank(seed: int, width: int, height: int) -> Image:
    """Sensor noise around 128; a frame takes a window of it."""
    import numpy as np

    random = np.random.default_rng(seed + 1)
    shape = (height + NOISE_SHIFTS_PX, width + NOISE_SHIFTS_PX, 3)
    return np.clip(128 + random.normal(0.0, _NOISE_SIGMA, shape), 0, 255).astype(np.uint8)


def rails(width: int, rail_px: int) -> Image:
    """The upper rail, aluminium with a hazard stripe: uint8 (rail_px, width, 3) BGR."""
    import numpy as np

    y, x = np.mgrid[0:rail_px, 0:width].astype(np.float32)
    across = y / rail_px
    brushed = 4.0 * np.sin(y * 12.9) + 3.0 * np.sin(x / width * 17.0 + y)
    tone = 118 + 46 * np.sin(math.pi * np.clip(across / 0.62, 0, 1)) + brushed
    metal = tone[..., None] * np.array((1.03, 1.0, 0.97), dtype=np.float32)
    slant = np.clip(np.sin(math.tau * (x + y) / (1.1 * rail_px)) * 3 + 0.5, 0, 1)[..., None]
    yellow, black = np.array((40.0, 178.0, 226.0)), np.array((34.0, 34.0, 36.0))
    stripe = (yellow * slant + black * (1 - slant)) * (0.85 + 0.15 * np.cos(across * 9))[..., None]
    rail = np.where((across > 0.64)[..., None], stripe, metal)
    rail[(across > 0.6) & (across < 0.66)] *= 0.45
    bolt_x = (x % (3.2 * rail_px)) - 1.6 * rail_px
    distance = np.hypot(bolt_x, y - 0.3 * rail_px) / (0.14 * rail_px)
    head = np.clip((1 - distance) * 3, 0, 1)[..., None]
    shade = 1.0 - 0.5 * np.clip((bolt_x + y - 0.3 * rail_px) / (0.28 * rail_px), -1, 1)
    rail = rail * (1 - head) + head * 140.0 * shade[..., None]
    drawn: Image = np.clip(rail, 0, 255).astype(np.uint8)
    return drawn
