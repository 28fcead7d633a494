"""Numbers that change in time, from any code on a node: tasks, services, filters and scripts."""

from __future__ import annotations

import atexit
import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from cantor.metering.handing import desk_here
from cantor.metering.process import (
    Counter,
    Gauge,
    Histogram,
    LockedCounter,
    LockedHistogram,
    Process,
)
from cantor.metering.region import IS_ADDING_WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Counter", "Gauge", "Histogram", "counter", "gauge", "histogram"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
JOIN = "metrics.join"
AGAIN_S = 5.0
"""So often a process that no agent has started looks for one."""


def counter(name: str, labels: Mapping[str, object] | None = None) -> Counter:
    """A counter of this process: ``counter("frames", {"camera": "door"}).add()``.

    Keep the result where it counts often. Any node of the tenant reads it (``cantor metrics``); the
    counters of all processes of one source are added up, and are kept when a process ends.

    Raises:
        ConfigError: the name or a label cannot be used.
    """
    return _here().get(Counter if IS_ADDING_WHOLE else LockedCounter, name, labels)


def gauge(name: str, labels: Mapping[str, object] | None = None) -> Gauge:
    """A gauge of this process: ``gauge("queue").set(3)``; it goes when the process ends.

    If several processes of one source set the same, the one that began last counts.

    Raises:
        ConfigError: the name or a label cannot be used.
    """
    return _here().get(Gauge, name, labels)


def histogram(
    name: str,
    labels: Mapping[str, object] | None = None,
    bounds: Sequence[float] = SECONDS,
) -> Histogram:
    """A histogram of this process: ``histogram("inference_seconds").observe(0.012)``.

    ``bounds`` are the upper ends of its buckets, by default for seconds.

    Raises:
        ConfigError: the name, a label or a bound cannot be used.
    """
    return _here().get(Histogram if IS_ADDING_WHOLE else LockedHistogram, name, labels, bounds)


class _Here:
    process: Process | None = None


_making = threading.Lock()


def _here() -> Process:
    with _making:
        if _Here.process is None:
            _Here.process = Process(_join)
            os.register_at_fork(after_in_child=_forked)
        return _Here.process


def _forked() -> None:
    global _making  # noqa: PLW0603 (another thread of the parent may have held it)
    _making = threading.Lock()
    if _Here.process is not None:
        _Here.process.forked()


def _join(descriptor: int) -> None:
    """Let an agent read that memory: this one if it is one, else that of this machine."""
    desk = desk_here()
    if desk is not None:
        atexit.register(desk.take(os.dup(descriptor), "agent"))
        return
    args = descriptor, os.getpid()
    threading.Thread(target=_stay_joined, args=args, name="cantor:metrics", daemon=True).start()


def _stay_joined(descriptor: int, process: int) -> None:
    """An agent that ends is looked for again: it may have been started anew."""
    from cantor.base.ids import BROADCAST
    from cantor.node.control import SOCKET_NAME
    from cantor.node.folder import asked_folder
    from cantor.wire import DataFrame, Kind, encode

    frame = DataFrame(
        Kind.DATA, BROADCAST, BROADCAST, headers={"call": JOIN, "args": {"descriptor": descriptor}}
    )
    asked = b"".join(encode(frame))
    while os.getpid() == process:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as agent:
            agent.connect(str(asked_folder() / SOCKET_NAME))
            agent.sendall(asked)
            while agent.recv(4096):  # it answers when it ends, or refuses
                pass
        time.sleep(AGAIN_S)
