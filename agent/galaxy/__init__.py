"""Galaxy: vision pipelines made of filters, run where the hardware is."""

from __future__ import annotations

from galaxy.context import Context
from galaxy.errors import FilterError, MediaError
from galaxy.filter import BaseFilter, BaseSource
from galaxy.frame import Detection, Frame, Timing
from galaxy.params import Param
from galaxy.pins import FRAME, IMAGE, Pin
from galaxy.registry import Registry

__all__ = [
    "FRAME",
    "IMAGE",
    "BaseFilter",
    "BaseSource",
    "Context",
    "Detection",
    "FilterError",
    "Frame",
    "MediaError",
    "Param",
    "Pin",
    "Registry",
    "Timing",
]
