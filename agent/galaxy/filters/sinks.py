"""Sinks for reports: count what passes, or keep its documents."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from galaxy.filter import BaseFilter
from galaxy.params import Param
from galaxy.pins import FRAME, Pin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from galaxy.context import Context
    from galaxy.filter import Output
    from galaxy.frame import Frame
    from galaxy.params import JsonValue


class Count(BaseFilter):
    """Counts frames, and objects by label."""

    description: ClassVar[str] = "Count frames and objects"
    work: ClassVar[float] = 0.02
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._frames = 0
        self._objects: Counter[str] = Counter()

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Count one frame."""
        self._frames += 1
        self._objects.update(found.label for found in frame.objects)
        return None

    def report(self) -> dict[str, JsonValue]:
        """Frames, and objects by label."""
        return {"frames": self._frames, "objects": dict(self._objects)}

    def live_report(self) -> dict[str, JsonValue]:
        """The same, so far."""
        return self.report()


class Collect(BaseFilter):
    """Keeps the metadata document of each frame, or only its counts, up to a limit.

    A report travels in one message of at most 16 MiB: some 4000 documents with 20 objects, or
    200 000 frames with counts.
    """

    description: ClassVar[str] = "Keep the metadata of each frame for the report"
    work: ClassVar[float] = 0.02
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}

    limit = Param(int, 10_000, minimum=1, maximum=1_000_000, unit="frames", description="Kept.")
    counts = Param(
        bool, False, description="Keep how many objects of each label, not where they are."
    )

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._documents: list[JsonValue] = []
        self._beyond_limit = 0

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Keep one frame's document."""
        if len(self._documents) < self.limit:
            self._documents.append(_counts(frame) if self.counts else frame.document(ctx.node))
        else:
            self._beyond_limit += 1
        return None

    def report(self) -> dict[str, JsonValue]:
        """The documents, and how many did not fit."""
        return {"frames": self._documents, "beyond_limit": self._beyond_limit}


def _counts(frame: Frame) -> JsonValue:
    labels = Counter(found.label for found in frame.objects)
    return {"seq": frame.seq, "objects": {label: labels[label] for label in sorted(labels)}}
