"""The pipeline of the demo, and the report of its run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit, urlunsplit

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from galaxy.filters.rtsp_address import SCHEMES, check_rtsp_address, rtsp_address
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from cantor.wire.frame import Value
    from galaxy.deployments.views import DeploymentView
    from galaxy.pipeline import Codec, Policy

    Headers = dict[str, Value]

CAMERA_NODE = "camera"
CONVEYOR = "conveyor"
ELSEWHERE = "not USBCamera == 1"
"""All boxes of the demo share one machine and its load: a need keeps the detector on another."""
CONVEYOR_CONFIDENCE = 0.4
TOPIC = "demo/objects"
TO_DETECTOR = "camera.image -> detect.image"
LOST = ("dropped", "expired", "discarded")


@dataclass(frozen=True, slots=True)
class Job:
    """What the demo looks at, with which model, and where results go.

    ``source`` is empty (the simulated conveyor), ``/dev/videoN``, an ``rtsp://`` address or a video
    file; ``model`` an ONNX file, empty for the conveyor's own; ``frames_max`` 0 means no end.
    """

    source: str = ""
    model: str = ""
    frames_max: int = 0
    codec: Codec = "auto"
    collects: bool = False
    broker_port: int = 0

    @property
    def is_conveyor(self) -> bool:
        """Whether the scene is the one whose truth is known."""
        return not self.source

    @property
    def is_file(self) -> bool:
        """Whether the source ends, and loses no frame."""
        return bool(self.source) and not self.source.startswith("/dev/") and not self.is_rtsp

    @property
    def shown_source(self) -> str:
        """The source for people, without user and password."""
        if "://" not in self.source:
            return self.source or "the conveyor"
        parts = urlsplit(self.source)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def folders(self) -> list[Path]:
        """Where the files lie that its filters open."""
        files = [self.source] if self.is_file else []
        return [Path(file).resolve().parent for file in (*files, self.model) if file]

    @property
    def addresses(self) -> list[Address]:
        """What its filters connect to: all is on this machine, or may be."""
        broker = Address("127.0.0.1", self.broker_port)
        return [broker, rtsp_address(self.source)] if self.is_rtsp else [broker]

    @property
    def is_rtsp(self) -> bool:
        """Whether the source is a camera of the network."""
        return self.source.startswith(SCHEMES)

    def check(self) -> None:
        """Refuse what cannot run, before anything is started.

        Raises:
            ConfigError: a file is missing, or there is no model for this source.
            ModelError: the model cannot be used.
        """
        if self.is_file and not Path(self.source).is_file():
            raise ConfigError(
                "there is no such video", where=self.source, remedy="give a file, a camera or RTSP"
            )
        if self.model and not Path(self.model).is_file():
            raise ConfigError(
                "there is no such model", where=self.model, remedy="give an ONNX file"
            )
        if self.is_rtsp:
            check_rtsp_address(self.source)
        if self.source and not self.model:
            raise ConfigError(
                "the model that ships knows only the conveyor",
                where="--source",
                remedy="give your model too: --model FILE.onnx",
            )
        if self.source.startswith("/dev/") and not Path(self.source).exists():
            raise ConfigError(
                "there is no such camera",
                where=self.source,
                remedy="cantor device list shows the cameras of this box",
            )
        if self.model:
            from galaxy.detection.model_file import Model

            Model(Path(self.model))

    def pipeline(self) -> Pipeline:
        """Source on the camera's node; detection and what follows where the mesh puts it."""
        policy: Policy = "block" if self.is_file else "latest"
        filters = {
            "camera": self._source(),
            "detect": FilterSpec("onnx", self._detector(), needs=ELSEWHERE),
            "overlay": FilterSpec("overlay"),
            "preview": FilterSpec("mjpeg_preview"),
            "results": FilterSpec(
                "mqtt", {"host": "127.0.0.1", "port": self.broker_port, "topic": TOPIC}
            ),
        }
        ways = [
            _way("detect.image", "overlay.image"),
            _way("detect.image", "results.frame"),
            _way("overlay.image", "preview.image", kind="weak", policy=policy),
        ]
        if self.is_conveyor:
            filters["score"] = FilterSpec("score")
            ways.insert(0, _way("detect.image", "score.image"))
        if self.collects:
            filters["collect"] = FilterSpec("collect", {"limit": 1_000_000, "counts": True})
            ways.append(_way("detect.image", "collect.frame"))
        first = _way("camera.image", "detect.image", kind="weak", policy=policy, codec=self.codec)
        return Pipeline("demo", filters, (first, *ways))

    def _source(self) -> FilterSpec:
        if self.is_conveyor:
            return FilterSpec("conveyor", {"paced": True}, needs="USBCamera == 1")
        if self.is_rtsp:
            return FilterSpec("rtsp", {"url": self.source}, node=CAMERA_NODE)
        if self.source.startswith("/dev/"):
            return FilterSpec("usb_camera", {"device": self.source}, node=CAMERA_NODE)
        return FilterSpec("file", {"path": str(Path(self.source).resolve())}, node=CAMERA_NODE)

    def _detector(self) -> dict[str, object]:
        if self.model:
            return {"model": str(Path(self.model).resolve())}
        return {"model": CONVEYOR, "confidence": CONVEYOR_CONFIDENCE}


def _way(
    source: str,
    target: str,
    *,
    kind: str = "strong",
    policy: Policy | str = "",
    codec: Codec = "auto",
) -> Connection:
    values = {"from": source, "to": target, "kind": kind, "policy": policy, "codec": codec}
    if policy == "block":
        values["depth"] = 4  # type: ignore[assignment] # the table of keys checks it
    return Connection.from_values(values)


def report(
    nodes: list[Headers], view: DeploymentView, figures: Headers, reports: Headers
) -> Headers:
    """What came out of a run as one JSON document: ``frames_in`` = ``frames_out`` + ``dropped``.

    Args:
        nodes: as the agents list them.
        view: the deployment.
        figures: its merged figures.
        reports: what its filters said at their end.
    """
    filters = cast("dict[str, Headers]", figures["filters"])
    edges = cast("dict[str, Headers]", figures["edges"])
    collected = cast("dict[str, list[Headers]]", reports.get("collect") or {"frames": []})
    seen = cast("int", filters["detect"]["frames_out"])
    age = cast("Headers", filters["results"].get("age_ms") or {"p50": None, "p99": None})
    lost = sum(cast("int", edges[TO_DETECTOR][key]) for key in LOST)
    done: Headers = {
        "nodes": [
            {"id": node["id"], "name": node["name"], "resources": _resources(node)}
            for node in nodes
        ],
        "placement": {name: view.nodes[name] for name in view.nodes},
        "frames_in": filters["camera"]["frames_out"],
        "frames_out": seen,
        "dropped": lost,
        "fps": filters["detect"]["mean_fps"],
        "age_ms": {"p50": age["p50"], "p99": age["p99"]},
        "per_frame": cast("Value", collected["frames"]),
    }
    if reports.get("score"):
        done["score"] = reports["score"]
    return done


def _resources(node: Headers) -> Value:
    rows = cast("list[Headers]", node.get("resources") or [])
    return {str(row["name"]): row["value"] for row in rows}
