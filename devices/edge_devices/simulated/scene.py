"""A conveyor belt that never existed: pictures with their exact truth, for demos and training.

A frame depends on nothing but the seed, the size and the index, so every process that knows them
knows the truth of every picture without being told.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from edge_devices.simulated import backdrop
from edge_devices.simulated.parts import KINDS, Flaw, PartSpec, Sprite, draw_part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

LABELS: tuple[str, ...] = ("part", "defect")
"""What can be seen on the belt: a sound part, or a broken or rusty one."""

WIDTH_PX_MIN, WIDTH_PX_MAX = 96, 3840
HEIGHT_PX_MIN, HEIGHT_PX_MAX = 96, 2160
FPS_MIN, FPS_MAX = 0.1, 240.0
SEED_END = 1 << 32
VISIBLE_MIN = 0.6
"""A part that has less than this share of its box inside the picture has no truth box."""

_LANES = 3
_RAIL = 0.1
_COLUMN_PITCH = 0.27
_BELT_SPEED_WIDTHS_PER_S = 0.1875
_PRESENCE = 0.72
_DEFECT_SHARE = 0.35
_SLOT_ZERO = 1 << 40
_SPRITES_KEPT = 64


@dataclass(frozen=True, slots=True)
class TruthBox:
    """What is really there: a label of ``LABELS`` and its box in pixels, inside the picture."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class _Placed:
    """A part at its place on the belt: centre in belt pixels along, picture pixels across."""

    along_px: int
    across_px: int
    label: str
    sprite: Sprite


class ConveyorScene:
    """Parts on a moving belt, three lanes wide, under a light that wanders.

    Raises:
        ConfigError: the seed, the size or the frame rate is out of range.
    """

    def __init__(
        self, seed: int = 0, width: int = 640, height: int = 480, fps: float = 30.0
    ) -> None:
        check_scene(seed, width, height, fps)
        self.seed, self.width, self.height, self.fps = seed, width, height, fps
        self._rail_px = round(_RAIL * height)
        self._lane_px = (height - 2 * self._rail_px) / _LANES
        self._pitch_px = _COLUMN_PITCH * height
        self._step_px = _BELT_SPEED_WIDTHS_PER_S * width / fps
        self._parts: OrderedDict[tuple[int, int], _Placed | None] = OrderedDict()
        self._belt = backdrop.belt_texture(seed, width, height, self._rail_px)
        self._rails = backdrop.rails(width, self._rail_px)
        self._light = backdrop.light_map(width, height)
        self._noise = backdrop.noise_bank(seed, width, height)

    def frame(self, index: int) -> tuple[Image, tuple[TruthBox, ...]]:
        """The picture with this index, and what is in it.

        Returns uint8 (height, width, 3) BGR, not writeable (copy it to draw on it), and the truth
        boxes in no particular order.

        Raises:
            ConfigError: the index is negative.
        """
        import cv2

        if index < 0:
            raise ConfigError(
                f"there is no frame {index}", where="conveyor scene", remedy="count frames from 0"
            )
        travelled_px = round(index * self._step_px)
        start = -travelled_px % (self._belt.shape[1] - self.width)
        image: Image = self._belt[:, start : start + self.width].copy()
        boxes: list[TruthBox] = []
        for part in self._in_view(travelled_px):
            box = self._place(image, part, travelled_px)
            if box is not None:
                boxes.append(box)
        image[: self._rail_px], image[-self._rail_px :] = self._rails, self._rails[::-1]
        flicker, down, along, *_ = draws(self.seed, "frame", index)
        lit = cv2.multiply(image, self._light_at(index), scale=self._gain(index, flicker) / 128)
        row, column = (int(draw * backdrop.NOISE_SHIFTS_PX) for draw in (down, along))
        noise = self._noise[row : row + self.height, column : column + self.width]
        result: Image = cv2.addWeighted(lit, 1.0, noise, 1.0, -128.0)
        result.setflags(write=False)
        return result, tuple(boxes)

    def _gain(self, index: int, flicker: float) -> float:
        seconds = index / self.fps
        slow = 0.16 * math.sin(seconds / 3.7 + self.seed) + 0.07 * math.sin(seconds / 1.3)
        return 1.0 + slow + 0.02 * (flicker - 0.5)

    def _light_at(self, index: int) -> Image:
        """The light falls through a window that slides over a larger map."""
        room = self._light.shape[1] - self.width
        left = int(room * (0.5 + 0.5 * math.sin(index / self.fps / 5.3 + 1.7 * self.seed)))
        return self._light[:, left : left + self.width]

    def _in_view(self, travelled_px: int) -> list[_Placed]:
        margin = self._pitch_px
        first = math.floor((-travelled_px - margin) / self._pitch_px)
        last = math.ceil((self.width - travelled_px + margin) / self._pitch_px)
        found = (
            self._part(lane, slot) for slot in range(first, last + 1) for lane in range(_LANES)
        )
        return [part for part in found if part is not None]

    def _part(self, lane: int, slot: int) -> _Placed | None:
        key = (lane, slot)
        if key not in self._parts:
            self._parts[key] = self._make_part(lane, slot)
            if len(self._parts) > _SPRITES_KEPT + self.width // 8:
                self._parts.popitem(last=False)
        self._parts.move_to_end(key)
        return self._parts[key]

    def _make_part(self, lane: int, slot: int) -> _Placed | None:
        draw = draws(self.seed, f"lane {lane}", slot + _SLOT_ZERO)
        if draw[0] > _PRESENCE:
            return None
        flaw: Flaw = "none"
        if draw[1] < _DEFECT_SHARE:
            flaw = "broken" if draw[2] < 0.5 else "rust"
        spec = PartSpec(
            kind=KINDS[int(draw[3] * len(KINDS))],
            flaw=flaw,
            radius_px=(0.068 + 0.03 * draw[4]) * self.height,
            angle=draw[5] * math.tau,
            flaw_angle=draw[6] * math.tau,
            metal=int(draw[7] * 3),
        )
        slack = 0.006 * self.height
        along = (slot + lane / _LANES) * self._pitch_px + (2 * draw[8] - 1) * slack
        across = self._rail_px + (lane + 0.5) * self._lane_px + (2 * draw[9] - 1) * slack
        label = LABELS[0] if flaw == "none" else LABELS[1]
        return _Placed(round(along), round(across), label, draw_part(spec))

    def _place(self, image: Image, part: _Placed, travelled_px: int) -> TruthBox | None:
        """Lay a part on the belt; its truth box, if enough of it is in the picture."""
        import cv2

        size = part.sprite.keep.shape[0]
        left = part.along_px + travelled_px - size // 2
        top = part.across_px - size // 2
        x0, x1 = max(0, left), min(self.width, left + size)
        y0, y1 = max(0, top), min(self.height, top + size)
        if x0 >= x1 or y0 >= y1:
            return None
        inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        under = image[y0:y1, x0:x1]
        faded = cv2.multiply(under, part.sprite.keep[inside], scale=1 / 255)
        image[y0:y1, x0:x1] = cv2.add(faded, part.sprite.colour[inside])
        bx0, by0, bx1, by1 = part.sprite.box
        clipped_x0, clipped_x1 = max(0, left + bx0), min(self.width, left + bx1)
        if clipped_x1 - clipped_x0 < VISIBLE_MIN * (bx1 - bx0):
            return None
        return TruthBox(
            part.label, float(clipped_x0), float(top + by0), float(clipped_x1), float(top + by1)
        )


def check_scene(seed: int, width: int, height: int, fps: float) -> None:
    """Refuse what no scene can be made of, before anything is drawn.

    Raises:
        ConfigError: the seed, the size or the frame rate is out of range.
    """
    if not 0 <= seed < SEED_END:
        raise ConfigError(
            f"seed {seed} is out of range",
            where="conveyor scene",
            remedy=f"choose a seed from 0 to {SEED_END - 1}",
        )
    if not (WIDTH_PX_MIN <= width <= WIDTH_PX_MAX and HEIGHT_PX_MIN <= height <= HEIGHT_PX_MAX):
        raise ConfigError(
            f"a scene of {width}x{height} pixels cannot be drawn",
            where="conveyor scene",
            remedy=f"choose {WIDTH_PX_MIN}x{HEIGHT_PX_MIN} to {WIDTH_PX_MAX}x{HEIGHT_PX_MAX}",
        )
    if not FPS_MIN <= fps <= FPS_MAX:
        raise ConfigError(
            f"a scene cannot run at {fps} frames per second",
            where="conveyor scene",
            remedy=f"choose {FPS_MIN:g} to {FPS_MAX:g}",
        )


def draws(seed: int, stream: str, number: int) -> tuple[float, ...]:
    """Sixteen numbers in [0, 1): the same on every machine and with every version of numpy."""
    text = f"{seed}/{stream}/{number}".encode()
    words = struct.unpack("<16I", hashlib.blake2b(text).digest())
    return tuple(word / 4294967296.0 for word in words)
