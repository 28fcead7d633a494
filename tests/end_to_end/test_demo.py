"""``cantor demo`` as a person starts it: a hub, three boxes and workers, all real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.integration.galaxy.rtsp_camera import RtspCamera

from cantor.node.control import ask
from galaxy.deployments.views import DeploymentView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cantor.wire.frame import Value

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "benchmarks" / "pipeline"))
RUN_S = 120.0
WAIT_S = 60.0
LOOK_S = 0.1
FRAMES = 341


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cantor.cli.main", "demo", *arguments]


def processes_of(folder: Path) -> dict[int, str]:
    """The processes whose command line names the demo's folder."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if entry.name.isdigit() and str(folder) in line and int(entry.name) != os.getpid():
            found[int(entry.name)] = line
    return found


def until(holds: Callable[[], object], what: str, log: Path) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline_s, f"{what}: {log.read_text()[-2000:]}"
        time.sleep(LOOK_S)


def asked(folder: Path, call: str, args: dict[str, Value] | None = None) -> Any:  # noqa: ANN401 (each call its own)
    """What the camera's agent answers; None while it does not."""
    try:
        return asyncio.run(ask(folder / "camera", call, args))
    except Exception:  # noqa: BLE001 (not up yet; the wait around it has a deadline)
        return None


def view_of(folder: Path) -> DeploymentView | None:
    found = asked(folder, "pipeline.list")
    return DeploymentView.from_value(found[0]) if found else None


def picture_number(folder: Path, identity: str) -> int:
    figures = asked(folder, "pipeline.figures", {"id": identity}) or {}
    return int(figures.get("previews", {}).get("preview", {}).get("number", 0))


@contextmanager
def running_demo(folder: Path, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A demo in the background; everything that it started is gone at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            demo("--folder", str(folder), *arguments), stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=WAIT_S)
        finally:
            for pid in processes_of(folder):
                os.kill(pid, signal.SIGKILL)


def headless(tmp_path: Path, test_data: Path, *arguments: str) -> dict[str, Any]:
    report = tmp_path / "report.json"
    source = ("--source", str(test_data / "plaza-720p.avi"))
    model = ("--model", str(test_data / "yolox_nano.onnx"))
    command = demo("--headless", *source, *model, "--report", str(report), *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return cast("dict[str, Any]", json.loads(report.read_text()))


def reference(test_data: Path, frames: int) -> list[int]:
    """How many people the plain loop sees on each frame."""
    import itertools

    import plain_loop  # type: ignore[import-not-found] # beside the benchmark that it is the peer of

    session = plain_loop.make_session(test_data / "yolox_nano.onnx", 1)
    images = itertools.islice(plain_loop.read(test_data / "plaza-720p.avi"), frames)
    return [sum(box[5] == 0 for box in plain_loop.detect(session, image)) for image in images]


def people(report: dict[str, Any]) -> list[int]:
    return [frame["objects"].get("person", 0) for frame in report["per_frame"]]


def test_every_frame_crosses_two_nodes_and_shows_what_the_plain_loop_sees(
    tmp_path: Path, test_data: Path
) -> None:
    report = headless(tmp_path, test_data, "--codec", "raw")

    assert (report["frames_in"], report["frames_out"], report["dropped"]) == (FRAMES, FRAMES, 0)
    assert [frame["seq"] for frame in report["per_frame"]] == list(range(FRAMES))
    assert people(report) == reference(test_data, FRAMES)
    assert report["fps"] > 0
    assert report["age_ms"]["p99"] >= report["age_ms"]["p50"] > 0
    names = {node["id"]: node["name"] for node in report["nodes"]}
    assert set(names.values()) == {"hub", "camera", "worker-1", "worker-2"}
    assert names[report["placement"]["camera"]] == "camera"
    assert report["placement"]["detect"] != report["placement"]["camera"]
    resources = [node["resources"] for node in report["nodes"]]
    assert any("TemperatureSensor" in given for given in resources)


def test_the_automatic_codec_changes_next_to_nothing(tmp_path: Path, test_data: Path) -> None:
    frames = 120
    report = headless(tmp_path, test_data, "--frames", str(frames))

    plain = reference(test_data, frames)
    error = sum(abs(one - other) for one, other in zip(people(report), plain, strict=True))
    assert error / frames <= 0.5


def test_boxes_come_back_when_the_detecting_agent_is_killed_and_the_box_rejoins(
    tmp_path: Path,
) -> None:
    folder, log = tmp_path / "demo", tmp_path / "demo.log"
    with running_demo(folder, log) as process:
        until(lambda: (view := view_of(folder)) and view.state == "running", "it runs", log)
        view = view_of(folder)
        assert view is not None
        until(lambda: picture_number(folder, view.id), "a first picture", log)
        names = {node["id"]: node["name"] for node in asked(folder, "nodes")}
        victim = names[view.nodes["detect"]]
        agent = next(
            pid
            for pid, line in processes_of(folder).items()
            if f" agent --data {folder / victim} " in line
        )

        os.kill(agent, signal.SIGKILL)

        def is_back() -> bool:
            now = view_of(folder)
            moved = now is not None and now.nodes.get("detect") not in (None, view.nodes["detect"])
            return bool(moved and now and now.state == "running" and picture_number(folder, now.id))

        until(is_back, "boxes elsewhere", log)
        again = view_of(folder)
        assert again is not None
        assert again.nodes["camera"] == view.nodes["camera"]
        seen = picture_number(folder, view.id)
        until(lambda: picture_number(folder, view.id) > seen, "more pictures", log)
        command = [sys.executable, "-m", "cantor.cli.main", "agent", "--data", str(folder / victim)]
        loopback = ["--listen", "127.0.0.1:0", "--interface", "127.0.0.1"]
        rejoined = subprocess.Popen([*command, *loopback], stdout=subprocess.DEVNULL)
        try:
            until(
                lambda: (
                    victim
                    in [n["name"] for n in asked(folder, "nodes") or () if n["state"] == "online"]
                ),
                "the box is back",
                log,
            )
        finally:
            rejoined.terminate()
            rejoined.wait()
        assert process.poll() is None
        assert f"{victim} was killed by signal 9" in log.read_text()
    assert process.returncode == 0
    assert "Stopping." in log.read_text()


def test_ctrl_c_while_it_starts_leaves_nothing_running(tmp_path: Path) -> None:
    folder, log = tmp_path / "demo", tmp_path / "demo.log"
    with running_demo(folder, log) as process:
        until(lambda: len(processes_of(folder)) >= 2, "the hub has started", log)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=WAIT_S) == 0
        assert processes_of(folder) == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--source", "missing.avi", "--model", "missing.onnx"), "missing.avi: there is no such"),
        (("--source", "/dev/video0", "--model", "missing.onnx"), "missing.onnx: there is no such"),
        (("--source", "/dev/video0"), "give your model too"),
        (("--frames", "-1"), "--frames: must be 0 or more"),
        (("--report", "/proc/report.json"), "--report /proc/report.json: cannot be written"),
        (("--folder", "/proc/demo"), "--folder /proc/demo: cannot be made"),
        (("--agent", "/proc/version"), "--agent /proc/version: is no program"),
    ],
)
def test_a_wrong_option_is_one_line_before_anything_starts(
    arguments: tuple[str, ...], says: str
) -> None:
    done = subprocess.run(demo(*arguments), capture_output=True, text=True, timeout=RUN_S)

    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_camera_or_model_that_cannot_be_used_is_one_line_before_anything_starts(
    tmp_path: Path, test_data: Path
) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no model")
    good = str(test_data / "yolox_nano.onnx")

    for source, model, says in (
        ("rtsp://127.0.0.1:9/x", str(bad), "is no ONNX model"),
        ("/dev/no-camera", good, "/dev/no-camera: there is no such camera"),
    ):
        command = demo("--source", source, "--model", model)
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)

        assert done.returncode != 0
        assert says in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_video_that_is_none_ends_the_demo_with_one_line(tmp_path: Path, test_data: Path) -> None:
    video = tmp_path / "broken.avi"
    video.write_bytes(b"no video")
    model = str(test_data / "yolox_nano.onnx")

    command = demo("--headless", "--source", str(video), "--model", model)
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)

    assert done.returncode == 1
    assert "this is no video" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_network_camera_that_freezes_is_named_and_its_pictures_come_back(
    tmp_path: Path, test_data: Path
) -> None:
    folder, log = tmp_path / "demo", tmp_path / "demo.log"
    model = ("--model", str(test_data / "yolox_nano.onnx"))
    with RtspCamera() as camera, running_demo(folder, log, "--source", camera.url, *model):
        until(lambda: (view := view_of(folder)) and view.state == "running", "it runs", log)
        view = view_of(folder)
        assert view is not None
        until(lambda: picture_number(folder, view.id), "a first picture", log)

        camera.frozen.set()
        until(lambda: f"no frame from {camera.url}" in log.read_text(), "it says so", log)
        until(lambda: "opened 2 times" in log.read_text(), "it is opened anew", log)
        reasons = ("(its frames are too old)", "(it cannot be opened)")  # as fast as the machine is
        until(lambda: any(reason in log.read_text() for reason in reasons), "it says why", log)
        camera.frozen.clear()

        seen = picture_number(folder, view.id)
        until(lambda: picture_number(folder, view.id) > seen, "pictures again", log)


def test_a_network_camera_that_does_not_answer_is_named_within_seconds(
    tmp_path: Path, test_data: Path
) -> None:
    folder, log = tmp_path / "demo", tmp_path / "demo.log"
    source = ("--source", "rtsp://user:hidden@127.0.0.1:9/x")
    model = ("--model", str(test_data / "yolox_nano.onnx"))
    with running_demo(folder, log, *source, *model):
        until(lambda: "no frame from rtsp://127.0.0.1:9/x" in log.read_text(), "it says so", log)
    assert "hidden" not in log.read_text()
