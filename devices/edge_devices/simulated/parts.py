"""Machined parts drawn from geometry: a height field, lit from one side, sound or defective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Field = NDArray[np.float32]

PartKind = Literal["washer", "gear", "nut", "bolt"]
Flaw = Literal["none", "broken", "rust"]

KINDS: tuple[PartKind, ...] = ("washer", "gear", "nut", "bolt")
REACH_PER_RADIUS = 1.2
"""No part reaches farther from its centre than this many radii."""

_STEEL = (196.0, 190.0, 184.0)
_BRASS = (96.0, 172.0, 214.0)
_ZINC = (206.0, 182.0, 160.0)
_METALS = (_STEEL, _BRASS, _ZINC)
_RUST = (38.0, 82.0, 158.0)
_LIGHT = (-0.45, -0.6, 0.66)
_SHADOW_STRENGTH = 0.55


@dataclass(frozen=True, slots=True)
class PartSpec:
    """One part: what it is and how it lies. Lengths in pixels, angles in radians."""

    kind: PartKind
    flaw: Flaw
    radius_px: float
    angle: float
    flaw_angle: float
    metal: int


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn part.

    ``colour`` is uint8 (S, S, 3) BGR, multiplied by its coverage; ``keep`` is uint8 (S, S, 3), how
    much of what lies below stays visible (shadow included), 255 = all. ``box`` is the part's own
    bounding box (x0, y0, x1, y1) inside the sprite, the shadow left out.
    """

    colour: NDArray[np.uint8]
    keep: NDArray[np.uint8]
    box: tuple[int, int, int, int]


def draw_part(spec: PartSpec) -> Sprite:
    """Draw a part: the same specification always gives the same pixels."""
    import numpy as np

    half = int(spec.radius_px * (REACH_PER_RADIUS + 0.25)) + 2
    axis = np.arange(-half, half, dtype=np.float32) + np.float32(0.5)
    x, y = np.meshgrid(axis, axis)
    turn_x = (x * np.cos(spec.angle) + y * np.sin(spec.angle)) / spec.radius_px
    turn_y = (y * np.cos(spec.angle) - x * np.sin(spec.angle)) / spec.radius_px
    u, v = turn_x.astype(np.float32), turn_y.astype(np.float32)
    depth = _OUTLINES[spec.kind](u, v)
    bite = _bite(u, v, spec) if spec.flaw == "broken" else None
    if bite is not None:
        depth = np.minimum(depth, bite)
    cover = np.clip(depth * spec.radius_px + 0.5, 0.0, 1.0)
    colour = _lit(depth, u, v, spec)
    if spec.flaw == "rust":
        colour = _rusted(colour, u, v, spec)
    if bite is not None:
        torn = np.clip(1.0 - np.abs(bite - 0.05) / 0.07, 0.0, 1.0)[..., None]
        colour = colour * (1.0 - 0.7 * torn)
    keep = (1.0 - cover) * (1.0 - _SHADOW_STRENGTH * _shadow(cover, spec.radius_px))
    rows, columns = np.nonzero(cover > 0.5)
    return Sprite(
        np.clip(colour * cover[..., None], 0, 255).astype(np.uint8),
        np.repeat((keep * 255).astype(np.uint8)[..., None], 3, axis=2),
        (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1),
    )


def _washer(u: Field, v: Field) -> Field:
    import numpy as np

    r = np.hypot(u, v)
    return np.minimum(1.0 - r, r - 0.48)


def _gear(u: Field, v: Field) -> Field:
    import numpy as np

    r = np.hypot(u, v)
    teeth = np.clip(2.2 * np.cos(12 * np.arctan2(v, u)), -1.0, 1.0)
    depth: Field = np.minimum(0.91 + 0.09 * teeth - r, r - 0.26)
    return depth


def _nut(u: Field, v: Field) -> Field:
    import numpy as np

    flats = [np.abs(u * np.cos(a) + v * np.sin(a)) for a in (0.0, np.pi / 3, 2 * np.pi / 3)]
    hexagon = np.maximum(np.maximum(flats[0], flats[1]), flats[2])
    result: Field = np.minimum(0.84 - hexagon, np.hypot(u, v) - 0.44).astype(np.float32)
    return result


def _bolt(u: Field, v: Field) -> Field:
    import numpy as np

    thread = 0.025 * np.sin(u * 42.0) * (u > -0.15)
    shank = np.minimum(0.24 + thread - np.abs(v), np.minimum(u + 0.8, 1.15 - u))
    head = np.minimum(0.52 - np.abs(v), 0.2 - np.abs(u + 0.92))
    depth: Field = np.maximum(shank, head)
    return depth


_OUTLINES = {"washer": _washer, "gear": _gear, "nut": _nut, "bolt": _bolt}


def _bite(u: Field, v: Field, spec: PartSpec) -> Field:
    """How far a point lies outside the torn-off piece, in radii (negative: inside it)."""
    import numpy as np

    if spec.kind == "bolt":
        side = 1.0 if spec.flaw_angle > np.pi else -1.0
        centre, size = (0.35, 0.24 * side), 0.34
    else:
        centre, size = (0.8 * np.cos(spec.flaw_angle), 0.8 * np.sin(spec.flaw_angle)), 0.5
    du, dv = u - centre[0], v - centre[1]
    jagged = 0.07 * np.sin(5 * np.arctan2(dv, du) + 3 * spec.flaw_angle)
    result: Field = (np.hypot(du, dv) - size - jagged).astype(np.float32)
    return result


def _lit(depth: Field, u: Field, v: Field, spec: PartSpec) -> Field:
    """Shade a bevelled height field: float32 (S, S, 3) BGR, 0 to 255."""
    import numpy as np

    ramp = np.clip(depth / 0.16, 0.0, 1.0)
    height = ramp * ramp * (3.0 - 2.0 * ramp) * 0.13 * spec.radius_px
    r = np.hypot(u, v)
    if spec.kind == "gear":
        height = height - 0.05 * spec.radius_px * ((r > 0.4) & (r < 0.66))
    if spec.kind == "bolt":
        height = height * (1.0 - 0.35 * np.clip(np.sin(u * 42.0), 0, 1) * (u > -0.15))
    slope_y, slope_x = np.gradient(height)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1.0)
    diffuse = (-slope_x * _LIGHT[0] - slope_y * _LIGHT[1] + _LIGHT[2]) / length
    shine = np.clip(diffuse, 0.0, 1.0) ** 14
    brushed = 1.0 + 0.05 * np.sin(v * 61.0 + 3.0 * np.sin(u * 5.0)) + 0.06 * u
    tone = np.clip(0.28 + 0.82 * diffuse, 0.12, 1.2) * brushed
    metal = np.array(_METALS[spec.metal], dtype=np.float32)
    result: Field = (tone[..., None] * metal * 0.9 + 150.0 * shine[..., None]).astype(np.float32)
    return result


def _rusted(colour: Field, u: Field, v: Field, spec: PartSpec) -> Field:
    import numpy as np

    phase = spec.flaw_angle
    patches = (
        np.sin(3.1 * u + phase)
        + np.sin(3.7 * v + 2.0 * phase)
        + 0.6 * np.sin(9.0 * u - 7.0 * v + phase)
        + 0.3 * np.sin(23.0 * u + 19.0 * v)
    )
    amount = np.clip((patches + 0.75) * 1.4, 0.0, 0.92)[..., None]
    grain = 0.8 + 0.2 * np.sin(47.0 * u) * np.sin(53.0 * v)
    rust = np.array(_RUST, dtype=np.float32) * grain[..., None] * (0.45 + colour / 320.0)
    result: Field = (colour * (1.0 - amount) + rust * amount).astype(np.float32)
    return result


def _shadow(cover: Field, radius_px: float) -> Field:
    """A soft shadow, cast away from the light."""
    import cv2
    import numpy as np

    shift = 0.12 * radius_px
    move = np.array([[1.0, 0.0, shift * 0.75], [0.0, 1.0, shift]], dtype=np.float32)
    moved = cv2.warpAffine(cover, move, (cover.shape[1], cover.shape[0]))
    result: Field = cv2.GaussianBlur(moved, (0, 0), max(0.5, 0.06 * radius_px))
    return result
