"""Pins: what a filter takes and gives, checked before a pipeline runs.

Type names are paths. ``frame`` is anything that carries metadata, ``frame/image`` has pixels as
well. An input takes its own type and every type below it, so a counter (``frame``) takes what a
camera (``frame/image``) gives, but a detector does not take a frame without pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

FRAME = "frame"
IMAGE = "frame/image"


@dataclass(frozen=True, slots=True)
class Pin:
    """One input or output of a filter; no formats means any."""

    type: str = IMAGE
    formats: tuple[str, ...] = ()
    optional: bool = False
    description: str = ""

    def accepts(self, output: Pin) -> bool:
        """Whether what ``output`` gives can be taken here."""
        fits = output.type == self.type or output.type.startswith(self.type + "/")
        if not self.formats or not output.formats:
            return fits
        return fits and set(output.formats) <= set(self.formats)

    def __str__(self) -> str:
        return f"{self.type} ({', '.join(self.formats)})" if self.formats else self.type
