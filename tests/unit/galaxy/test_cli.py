from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import CantorError, ConfigError, ModelError
from galaxy.cli import register
from galaxy.errors import FilterError

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """\
filters:
  pattern: {type: test_pattern, params: {count: 9, width: 64, height: 48}}
  preview: {type: mjpeg_preview}
  count: {type: count}
connections:
  - {from: pattern.image, to: preview.image, kind: weak}
  - {from: pattern.image, to: count.frame}
"""


def cantor(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers(required=True))
    options = parser.parse_args([str(word) for word in words])
    return int(options.run(options))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pattern.yaml"
    path.write_text(PIPELINE)
    return path


def test_run_prints_the_figures_and_writes_the_report(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = file.with_name("report.json")
    words = ("--set", "pattern.count=7", "--report", report, "--json")
    assert cantor("pipeline", "run", file, *words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(report.read_text())
    assert printed["state"] == "finished"
    assert printed["reports"]["count"] == {"frames": 7, "objects": {}}


def test_run_ends_after_the_frames_asked_for(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cantor("pipeline", "run", file, "--frames", "4") == 0
    assert 'count: {"frames": 4, "objects": {}}' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pattern.count=-1", "must lie at or above 0"),
        ("pattern.size=1", "no parameter 'size'"),
        ("other.count=1", "filters here: pattern"),
        ("pattern.count", "must be FILTER.PARAM=VALUE"),
    ],
)
def test_a_wrong_option_says_what_to_write(text: str, message: str, file: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        cantor("pipeline", "run", file, "--set", text)


def test_validate_prints_every_problem(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cantor("pipeline", "validate", file) == 0
    assert "it can run" in capsys.readouterr().out
    file.write_text(PIPELINE.replace("count: 9", "cuont: 9").replace("mjpeg_preview", "mpeg"))
    assert cantor("pipeline", "validate", file, "--json") == 2
    printed = json.loads(capsys.readouterr().out)
    assert printed["valid"] is False
    assert len(printed["problems"]) == 2


def test_filters_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cantor("filter", "list", "--json") == 0
    names = {entry["type"] for entry in json.loads(capsys.readouterr().out)}
    assert {"file", "onnx", "rtsp", "usb_camera", "mqtt", "overlay"} <= names
    assert cantor("filter", "show", "onnx") == 0
    assert "confidence: default 0.25" in capsys.readouterr().out
    with pytest.raises(CantorError, match="unknown filter type"):
        cantor("filter", "show", "absent")


def test_inspecting_what_is_no_model_is_one_error(file: Path) -> None:
    with pytest.raises(ModelError, match="is no ONNX model"):
        cantor("model", "inspect", file)


def test_inspect_knows_the_model_that_ships_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cantor("model", "inspect", "conveyor", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["head"], facts["names"]) == ("heatmap", ["part", "defect"])


def test_a_video_that_cannot_be_decoded_ends_the_program_as_bad_data(tmp_path: Path) -> None:
    file, video = tmp_path / "broken.yaml", tmp_path / "broken.avi"
    video.write_bytes(b"no video at all")
    file.write_text(
        f"filters:\n  video: {{type: file, params: {{path: {video}}}}}\n  count: {{type: count}}\n"
        "connections:\n  - {from: video.image, to: count.frame}\n"
    )

    with pytest.raises(FilterError, match="no video that FFmpeg can decode") as caught:
        cantor("pipeline", "run", file)

    assert caught.value.exit_code == 65
    assert FilterError("otherwise").exit_code == 70
