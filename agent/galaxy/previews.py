"""The newest preview of each filter, for those who wait for a newer one."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.clock import Clock
    from cantor.wire.frame import Buffer, Value
    from galaxy.frame import Frame

WAITING_MAX = 64
TOPIC = "preview/"


@dataclass(frozen=True, slots=True)
class _Preview:
    number: int
    data: bytes
    captured_at: float
    age_ms: float
    objects: dict[str, int]

    def headers(self) -> dict[str, Value]:
        return {
            "number": self.number,
            "captured_at": self.captured_at,
            "age_ms": round(self.age_ms, 3),
            "objects": {label: self.objects[label] for label in self.objects},
        }


class Previews:
    """Thread-safe. ``answer`` takes the number of a question, headers and body."""

    def __init__(
        self,
        clock: Clock,
        answer: Callable[[int, dict[str, Value], tuple[Buffer, ...]], None],
    ) -> None:
        self._clock = clock
        self._answer = answer
        self._lock = threading.Lock()
        self._newest: dict[str, _Preview] = {}
        self._waiting: dict[str, list[int]] = {}

    def add(self, topic: str, data: bytes, frame: Frame) -> None:
        """Keep a preview and tell those who wait; other topics are left alone."""
        if not topic.startswith(TOPIC):
            return
        name = topic.removeprefix(TOPIC)
        objects = dict(Counter(found.label for found in frame.objects))
        age_ms = 1000 * (self._clock.monotonic() - frame.captured_s)
        with self._lock:
            before = self._newest.get(name)
            number = before.number + 1 if before else 1
            preview = _Preview(number, data, frame.captured_wall_s, age_ms, objects)
            self._newest[name] = preview
            waiting = self._waiting.pop(name, [])
        for question in waiting:
            self._answer(question, preview.headers(), (data,))

    def ask(self, question: int, name: str, after: int) -> None:
        """Answer with a preview whose number is not ``after``, now or when there is one."""
        with self._lock:
            preview = self._newest.get(name)
            if preview is None or preview.number == after:
                waiting = self._waiting.setdefault(name, [])
                waiting.append(question)
                del waiting[:-WAITING_MAX]
                return
        self._answer(question, preview.headers(), (preview.data,))

    def figures(self) -> dict[str, Value]:
        """What the newest previews show, without the pictures."""
        with self._lock:
            newest = dict(self._newest)
        return {name: newest[name].headers() for name in newest}
