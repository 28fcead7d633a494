"""A plant: a hub and boxes that a token has let in, all real processes on loopback."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.end_to_end.conftest import LOOPBACK, START_TIMEOUT_S, cantor, printed, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass
class Plant:
    """A hub with its sign-in link, and the processes of its boxes by name.

    Each box has the folder of its name in ``folder``.
    """

    folder: Path
    link: str
    boxes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)


@contextmanager
def a_plant(folder: Path, boxes: Mapping[str, tuple[str, ...]]) -> Iterator[Plant]:
    """A hub and ``boxes``, each with its own options of the agent."""
    with ExitStack() as stack:
        ports = ["--console", "127.0.0.1:0", "--enrol", "127.0.0.1:0", *LOOPBACK]
        data = str(folder / "hub")
        log = folder / "hub.log"
        hub = stack.enter_context(running(cantor("hub", "--data", data, *ports), log))
        plant = Plant(folder, printed(hub, r"http://\S+#ticket=\S+(?=\n)", log))
        made = subprocess.run(
            cantor("token", "create", "--uses", str(len(boxes)), "--data", data),
            check=True,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        )
        for name, options in boxes.items():
            own = ["--data", str(folder / name), "--name", name]
            subprocess.run(
                cantor("enroll", made.stdout.strip(), *own),
                check=True,
                capture_output=True,
                timeout=START_TIMEOUT_S,
            )
            errors = folder / f"{name}.log"
            agent = running(cantor("agent", *own, *LOOPBACK, *options), errors)
            plant.boxes[name] = stack.enter_context(agent)
            printed(plant.boxes[name], "listens on", errors)
        yield plant
