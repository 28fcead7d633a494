"""The whole video through a pipeline gives what the plain loop gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from galaxy import FilterError, Registry
from galaxy.builder import PipelineBuilder
from galaxy.runtime import Runtime

if TYPE_CHECKING:
    from types import ModuleType

LOOP = Path(__file__).resolve().parents[2] / "benchmarks" / "pipeline" / "plain_loop.py"


def plain_loop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_loop", LOOP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_frame_of_the_video_has_the_people_that_the_plain_loop_finds(
    test_data: Path,
) -> None:
    video, model = test_data / "plaza-720p.avi", test_data / "yolox_nano.onnx"
    build = PipelineBuilder("people")
    source = build.add("video", "file", params={"path": str(video)})
    detect = build.add("detect", "onnx", params={"model": str(model), "classes": ["person"]})
    collect = build.add("collect", "collect")
    build.connect(source["image"], detect["image"], kind="weak")
    build.connect(detect["image"], collect["frame"])
    snapshot = Runtime(build.build(), registry=build.registry).run()
    documents = snapshot.reports["collect"]["frames"]
    assert isinstance(documents, list)
    ours = [len(document["objects"]) for document in documents]  # type: ignore[arg-type, call-overload, index]
    loop = plain_loop()
    session = loop.make_session(model, 1)
    reference = [
        sum(box[5] == 0 for box in loop.detect(session, image)) for image in loop.read(video)
    ]
    assert len(reference) == 341
    assert snapshot.filters["video"].frames_out == snapshot.filters["collect"].frames_in == 341
    assert ours == reference
    assert sum(ours) > 341


def test_a_broken_video_is_one_clear_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"RIFF but nothing else" * 50)
    build = PipelineBuilder("broken", Registry.default())
    source = build.add("video", "file", params={"path": str(broken)})
    build.connect(source["image"], build.add("count", "count")["frame"])
    with pytest.raises(FilterError, match="no video that FFmpeg can decode") as caught:
        Runtime(build.build(), registry=build.registry).run()
    assert "\n" not in str(caught.value)


def test_a_video_that_is_cut_short_gives_the_frames_that_it_holds(
    test_data: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.avi"
    with (test_data / "plaza-720p.avi").open("rb") as whole:
        cut.write_bytes(whole.read(1_000_000))
    build = PipelineBuilder("cut", Registry.default())
    source = build.add("video", "file", params={"path": str(cut)})
    build.connect(source["image"], build.add("count", "count")["frame"])
    snapshot = Runtime(build.build(), registry=build.registry).run()
    assert snapshot.state == "finished"
    assert 0 < snapshot.filters["count"].frames_in < 341
