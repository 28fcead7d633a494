"""Filters of a package that is no part of Cantor Edge, and pipelines with them."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tests.integration.cantor.workers.escapes import files
from tests.integration.galaxy.test_deployments import service, until

from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from cantor.node.agent import Agent

FRAMES = 40
FILTERS = '''
import json, os, time
from galaxy import FRAME, BaseFilter, Param, Pin
from tests.integration.cantor.workers.escapes import bombs, files, network, processes, system


class Tries(BaseFilter):
    """Tries to reach what is not its own."""

    inputs = {"frame": Pin(FRAME)}
    outputs = {"frame": Pin(FRAME)}
    told = Param(str, "{}", description="What there is.")
    chosen = Param(str, "[]", description="What it tries.")

    def open(self, ctx):
        self.outcomes, self.seen = {}, 0
        told = json.loads(self.told)
        for part in (files, processes, system, network, bombs):
            for one in part.ATTEMPTS:
                if one.name in json.loads(self.chosen):
                    self.outcomes[one.name] = self.tried(one, told)

    def tried(self, one, told):
        try:
            return "reached " + one.function(*one.arguments(told))
        except (OSError, MemoryError):
            return "held"
        except BaseException as error:
            return f"fault {error!r}"

    def process(self, frame, ctx):
        self.seen += 1
        return frame

    def report(self):
        return {"outcomes": self.outcomes, "seen": self.seen, "uid": os.getuid()}


class Bomb(BaseFilter):
    """Takes all that there is, and does not stop."""

    inputs = {"frame": Pin(FRAME)}
    takes = Param(str, description="memory or processes")

    def process(self, frame, ctx):
        while self.takes == "memory":
            self.kept = [bytearray(1 << 24), getattr(self, "kept", None)]
        self.fork(ctx)

    def fork(self, ctx):
        try:
            if os.fork():
                return
        except OSError:
            ctx.count("refused")
            return
        while True:  # a child, and its children
            try:
                os.fork()
            except OSError:
                time.sleep(0.05)


class Speaks(BaseFilter):
    """Writes to a device, and says what comes back, or why nothing does."""

    inputs = {"frame": Pin(FRAME)}
    device = Param(str, description="Its path.")

    def open(self, ctx):
        try:
            port = os.open(self.device, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            self.heard = f"none: {error.strerror}"
        else:
            os.write(port, b"who?\\n")
            self.heard = os.read(port, 100).decode()
        self.seen = sorted(os.listdir("/dev"))

    def process(self, frame, ctx):
        return None

    def report(self):
        return {"heard": self.heard, "seen": self.seen}
'''
NAMES = {"tries": "Tries", "bomb": "Bomb", "speaks": "Speaks"}


def install(place: Path) -> None:
    """Make a folder with the package; the attempts are in it as well."""
    about = place / "tries-1.dist-info"
    about.mkdir(parents=True)
    (place / "filters_of_others.py").write_text(FILTERS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tries\nVersion: 1\n")
    lines = "".join(f"{name} = filters_of_others:{NAMES[name]}\n" for name in NAMES)
    (about / "entry_points.txt").write_text(f"[galaxy.filters]\n{lines}")
    escapes = place / "tests" / "integration" / "cantor" / "workers" / "escapes"
    escapes.mkdir(parents=True)
    for file in Path(files.__file__).parent.glob("*.py"):
        shutil.copy(file, escapes)


def trying(
    told: dict[str, str | int], chosen: list[str], kind: str, *, needs: str = ""
) -> Pipeline:
    """Frames of one of our filters through one of others to ours again."""
    params = {"told": json.dumps(told), "chosen": json.dumps(chosen)}
    way = {"kind": kind, **({"policy": "block"} if kind == "weak" else {})}
    ways = (
        {"from": "source.image", "to": "tries.frame", **way},
        {"from": "tries.frame", "to": "collect.frame", **way},
    )
    filters = {
        "source": FilterSpec("test_pattern", {"count": FRAMES}, node="left"),
        "tries": FilterSpec("tries", params, needs, node="left"),
        "collect": FilterSpec("collect", node="left"),
    }
    return Pipeline("tries", filters, tuple(Connection.from_values(one) for one in ways))


async def run(author: Agent, pipeline: Pipeline) -> dict[str, Any]:
    view = await service(author).deploy(pipeline)
    view = await until(author, view.id, lambda view: view.state in ("finished", "failed"))
    assert view.state == "finished", view
    return cast("dict[str, Any]", await service(author).reports(view.id))


def into(name: str, spec: FilterSpec, source: FilterSpec | None = None) -> Pipeline:
    """Frames of one of our filters into one of others."""
    way = {"from": "source.image", "to": f"{name}.frame", "kind": "weak"}
    source = source or FilterSpec("test_pattern", {"count": 1})
    filters = {"source": replace(source, node="left"), name: replace(spec, node="left")}
    return Pipeline(name, filters, (Connection.from_values(way),))


def closed_workers() -> list[int]:
    """The launchers of closed pipeline workers that this process has started."""
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in closed_processes() if str(pid) in own]


def closed_processes() -> list[int]:
    """All processes of closed pipeline workers of this test, which they have started among them."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            told = f"--parent {os.getpid()} --sandbox".encode().split()
            if entry.name.isdigit() and b"pipeline" in words and set(told) <= set(words):
                found.append(int(entry.name))
    return found
