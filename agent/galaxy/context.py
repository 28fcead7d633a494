"""What the runtime gives a filter: its name, time, a way to stop, to publish and to count."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cantor.base.address import Address
    from cantor.base.clock import Clock
    from galaxy.frame import Frame

    Publish = Callable[[str, bytes, Frame], None]
    """Receives the topic, the bytes, and the frame that they were made from."""


class Context:
    """The surroundings of one filter in one run; used only in that filter's thread.

    ``pin`` is the input on which the frame being processed arrived; ``counters`` appear in
    the run's snapshot. If it ``is_judged``, the files that parameters name are those that were
    judged for another node, and are opened as :mod:`galaxy.judged_file` does. Where ``addresses``
    are told, a filter reaches those and other machines (:mod:`galaxy.elsewhere`), not this box.
    """

    def __init__(
        self,
        *,
        name: str,
        node: str,
        pipeline: str,
        clock: Clock,
        epoch: int = 0,
        stop: threading.Event | None = None,
        publish: Publish | None = None,
        is_judged: bool = False,
        addresses: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self.node = node
        self.pipeline = pipeline
        self.clock = clock
        self.epoch = epoch
        self.is_judged = is_judged
        self.addresses = addresses
        self.pin = ""
        self.counters: Counter[str] = Counter()
        self.log = logging.getLogger(f"galaxy.filters.{name}")
        self._stop = stop or threading.Event()
        self._publish = publish

    @property
    def stopping(self) -> bool:
        """Whether the run is to end."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until the run is to end; True if it is."""
        return self._stop.wait(seconds)

    def count(self, what: str, by: int = 1) -> None:
        """Add to a counter of this filter."""
        self.counters[what] += by

    def is_free(self, address: Address) -> bool:
        """Whether this address may be reached whatever machine's it is."""
        return self.addresses is None or str(address).lower() in self.addresses

    def publish(self, topic: str, data: bytes, frame: Frame) -> None:
        """Hand bytes made from a frame (a preview's JPEG) to whoever watches; nobody may."""
        if self._publish is not None:
            self._publish(topic, data, frame)
