"""``cantor demo``: the main job on one machine, live or headless.

Exit codes: 0 done or ended by Ctrl-C, 1 the job failed, 2 an option is wrong, others as in
:mod:`cantor.base.errors`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
import tempfile
import webbrowser
from contextlib import AsyncExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, ConfigError
from edge_hub.demo.fleet import DemoFleet
from edge_hub.demo.job import CAMERA_NODE, Job, report
from edge_hub.demo.screen import Screen, say
from galaxy.deployments.views import DeploymentView

if TYPE_CHECKING:
    import argparse

    from cantor.wire.frame import Value

    Headers = dict[str, Value]
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

BOXES = (CAMERA_NODE, "worker-1", "worker-2")
SENSOR = "line-1-temperature"
STATUS_S = 1.0
START_STATUS_S = 0.2
NEEDED = ("aiohttp", "sqlalchemy", "cv2", "onnxruntime", "paho", "amqtt")
ENDED = ("finished", "failed", "stopped")


def register(verbs: Verbs) -> None:
    """Add the verb."""
    demo = verbs.add_parser("demo", help="the main job on this machine: hub, three boxes, a camera")
    demo.add_argument(
        "--source", default="", metavar="SOURCE", help="/dev/videoN, rtsp://… or a video file"
    )
    demo.add_argument("--model", default="", metavar="FILE", help="an ONNX detector for it")
    demo.add_argument("--frames", type=int, default=0, metavar="N", help="end after N frames")
    demo.add_argument("--codec", choices=("auto", "raw", "jpeg"), default="auto")
    demo.add_argument("--report", type=Path, metavar="FILE", help="write what came out as JSON")
    demo.add_argument("--headless", action="store_true", help="no browser, end with the source")
    demo.add_argument("--agent", type=Path, metavar="PROGRAM", help="an agent binary for the boxes")
    demo.add_argument("--folder", type=Path, metavar="FOLDER", help="keep all files and logs here")
    demo.set_defaults(run=lambda options: asyncio.run(_run(options)))


def _check(options: argparse.Namespace) -> None:
    """Refuse what cannot work before anything is started."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the demo needs what is not installed here: {', '.join(missing)}",
            where="demo",
            remedy="pip install 'cantor-edge[demo]'",
        )
    if options.frames < 0:
        raise ConfigError("must be 0 or more", where="--frames")
    if options.report is not None:
        _check_writable(options.report)
    agent = options.agent
    if agent is not None and not (agent.is_file() and os.access(agent, os.X_OK)):
        raise ConfigError(
            "is no program", where=f"--agent {agent}", remedy="build one with make package"
        )
    Job(options.source, options.model).check()


def _check_writable(path: Path) -> None:
    where = f"--report {path}"
    if not path.parent.is_dir():
        raise ConfigError("its folder does not exist", where=where)
    try:
        with path.open("a"):
            pass
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=where) from error


async def _run(options: argparse.Namespace) -> int:
    _check(options)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        folder = options.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cantor-demo-")))
        elif (folder / "hub").exists():
            raise ConfigError("holds a demo already", where=str(folder), remedy="give an empty one")
        else:
            _make(folder)
        job = asyncio.ensure_future(_Demo(options, folder, stack).play())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait((job, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not job.done():
            say("\nStopping.")
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            return 0
        return job.result()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be made: {error.strerror}", where=f"--folder {folder}"
        ) from error


class _Demo:
    """One run; what it starts is ended by ``stack``."""

    def __init__(self, options: argparse.Namespace, folder: Path, stack: AsyncExitStack) -> None:
        self._options = options
        self._stack = stack
        command = [str(options.agent.resolve())] if options.agent else None
        self._fleet = DemoFleet(folder, command)
        self._headless: bool = options.headless

    async def play(self) -> int:
        """Everything, in the order in which a person would do it."""
        from firmware_bridge.embedded_broker import EmbeddedBroker

        fleet = self._fleet
        self._stack.push_async_callback(fleet.close)
        hub, broker = await asyncio.gather(
            fleet.start_hub(), self._stack.enter_async_context(EmbeddedBroker())
        )
        await fleet.enrol(BOXES)
        self._write_bridge(broker.port)
        job = Job(
            self._options.source,
            self._options.model,
            self._options.frames,
            self._options.codec,
            collects=self._headless,
            broker_port=broker.port,
        )
        start = partial(fleet.start_agent, files=job.folders, addresses=job.addresses)
        await asyncio.gather(
            start(CAMERA_NODE, CANTOR_SIMULATED_CAMERA="1"),
            *map(start, BOXES[1:]),
            fleet.start_sensor(broker.port, SENSOR),
        )
        await fleet.until(self._is_whole, "hub, boxes and sensor in one mesh")
        view = await self._deploy(job)
        say(f"{len(BOXES)} boxes and a hub are one mesh. Sign in once: {hub}")
        if not self._headless:
            _open_browser(hub)
            say("Ctrl-C ends everything.\n")
        view, figures = await self._watch(view, Screen(SystemClock(), job.shown_source))
        if view.state == "failed":
            say("")
            errors = [group.error for group in view.groups if group.error]
            raise CantorError("; ".join(errors) or "the pipeline failed", where="demo")
        if self._options.report or self._headless:
            await self._report(view, figures)
        return 0

    def _write_bridge(self, port: int) -> None:
        folder = self._fleet.agent_folder(BOXES[-1])
        (folder / "bridge.yaml").write_text(
            f"broker: {{host: 127.0.0.1, port: {port}}}\ndevices: [thermometer]\n"
        )

    async def _is_whole(self) -> bool:
        nodes = await self._fleet.nodes(BOXES)
        online = [node for node in nodes if node["state"] == "online"]
        names = {
            str(resource["name"])
            for node in online
            for resource in cast("list[Headers]", node["resources"])
        }
        wanted = {"USBCamera", "TemperatureSensor"}
        return len(online) == len(BOXES) + 1 and wanted <= names

    async def _deploy(self, job: Job) -> DeploymentView:
        wish: Headers = {
            "pipeline": cast("Value", job.pipeline().document()),
            "name": "demo",
            "frames_max": job.frames_max,
        }
        return DeploymentView.from_value(await self._fleet.ask(BOXES, "pipeline.deploy", wish))

    async def _watch(self, view: DeploymentView, screen: Screen) -> tuple[DeploymentView, Headers]:
        while True:
            for program in self._fleet.newly_ended():
                say(
                    f"\n{program.name} {program.end}; start it again: {shlex.join(program.command)}"
                )
            answers = cast("list[Value]", await self._fleet.ask(BOXES, "pipeline.list"))
            views = [DeploymentView.from_value(answer) for answer in answers]
            view = next(one for one in views if one.id == view.id)
            asked: Headers = {"id": view.id}
            figures = cast("Headers", await self._fleet.ask(BOXES, "pipeline.figures", asked))
            screen.show(view, figures, len(await self._fleet.nodes(BOXES)))
            if view.state in ENDED:
                return view, figures
            await asyncio.sleep(STATUS_S if figures.get("previews") else START_STATUS_S)

    async def _report(self, view: DeploymentView, figures: Headers) -> None:
        asked: Headers = {"id": view.id}
        reports = cast("Headers", await self._fleet.ask(BOXES, "pipeline.reports", asked))
        nodes = await self._fleet.nodes(BOXES)
        done = report(nodes, view, figures, reports)
        if self._options.report:
            try:
                self._options.report.write_text(json.dumps(done, indent=1) + "\n")
            except OSError as error:
                raise CantorError(
                    f"cannot be written: {error.strerror}", where=str(self._options.report)
                ) from error
        short = {key: done[key] for key in done if key not in ("nodes", "per_frame")}
        say("\n" + json.dumps(short, indent=1))


def _open_browser(link: str) -> None:
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin":
        webbrowser.open(link)
