from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from cantor.scheduling.needs import parse
from galaxy import FRAME, BaseFilter, Frame, Pin, Registry
from galaxy.builder import PipelineBuilder
from galaxy.loader import PipelineFile, load_pipeline
from galaxy.pipeline import CONNECTION_KEYS
from galaxy.schema import pipeline_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

GOOD = """\
name: small
filters:
  source: {type: test_pattern, params: {count: 3}}
  small:
    type: resize
    params: {width: 320}
  count: {type: count}
connections:
  - {from: source.image, to: small.image, kind: strong}
  - {from: small.image, to: count.frame, kind: weak, policy: block, depth: 2}
"""
REGISTRY = Registry.default()
PRESETS = sorted((Path(__file__).resolve().parents[3] / "configs" / "pipelines").glob("*.yaml"))


def load(tmp_path: Path, text: str) -> ConfigError:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path, REGISTRY)
    return caught.value


def test_a_good_file_is_read_and_written_back(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    pipeline = load_pipeline(path, REGISTRY)
    assert pipeline.document() == yaml.safe_load(GOOD)
    assert pipeline.groups() == [("source", "small"), ("count",)]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("width: 320", "widht: 320", 6, "filters.small.params.widht: unknown parameter"),
        ("width: 320", "width: wide", 6, "filters.small.params.width: must be an integer"),
        ("width: 320", "width: 0", 6, "must lie between 1 and 8192 px, not 0"),
        ("type: resize", "type: resise", 5, "filters.small.type: unknown filter type 'resise'"),
        ("depth: 2", "deep: 2", 10, r"connections\[1\].deep: unknown key"),
        ("depth: 2", "depth: two", 10, r"connections\[1\].depth: must be an integer"),
        ("policy: block", "policy: lossy", 10, "policy: must be one of"),
        ("to: small.image", "to: smal.image", 9, r"connections\[0\].to: there is no filter 'smal'"),
        ("to: small.image", "to: small.frame", 9, "small has no pin 'frame' among its inputs"),
        ("to: small.image", "to: small", 9, "must be written filter.pin"),
        ("name: small", "name: small\nname: again", 2, "the key 'name' stands twice"),
        ("name: small", "nodes: []", 1, "nodes: unknown key"),
        ("name: small", "name: [", 3, "is not YAML"),
        ("name: small", "name: &a x\nother: *a", 2, "aliases"),
        ("from: small.image", "from: source.image", 4, "nothing"),
    ],
)
def test_a_mistake_names_file_line_and_key(
    old: str, new: str, line: int, message: str, tmp_path: Path
) -> None:
    text = GOOD.replace(old, new)
    if message == "nothing":
        text = GOOD.replace("  - {from: source.image, to: small.image, kind: strong}\n", "")
        message = "filters.small: nothing is connected to its input 'image'"
    error = load(tmp_path, text)
    assert error.where.endswith(f"bad.yaml:{line}")
    assert re.search(message, error.what)


def test_pins_that_do_not_fit_name_both_types() -> None:
    build = PipelineBuilder("pins")

    class Metadata(BaseFilter):
        inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
        outputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}

        def process(self, frame: Frame, ctx: object) -> Frame:
            return frame

    source, meta = build.add("source", "test_pattern"), build.add("meta", Metadata)
    overlay = build.add("overlay", "overlay")
    build.connect(source["image"], meta["frame"])
    build.connect(meta["frame"], overlay["image"])
    with pytest.raises(
        ConfigError,
        match=r"meta.frame gives frame, but overlay.image takes frame/image \(BGR\)",
    ):
        build.build()


def test_a_cycle_is_named() -> None:
    build = PipelineBuilder("cycle")
    source = build.add("s", "test_pattern")
    a, b = build.add("a", "resize"), build.add("b", "resize")
    build.connect(source["image"], a["image"], kind="weak")
    build.connect(a["image"], b["image"])
    build.connect(b["image"], a["image"], kind="weak")
    with pytest.raises(ConfigError, match="cycle: a -> b -> a"):
        build.build()


def test_a_pipeline_without_a_source_is_refused(tmp_path: Path) -> None:
    assert "one entry or more" in load(tmp_path, "filters: {}\n").what
    build = PipelineBuilder("empty")
    with pytest.raises(ConfigError, match="there is no source"):
        build.build()


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_can_run(path: Path) -> None:
    assert load_pipeline(path, REGISTRY, parse).filters


def test_needs_are_checked_where_they_stand(tmp_path: Path) -> None:
    text = GOOD.replace("count: {type: count}", "count: {type: count, needs: GPU ==}")
    file = PipelineFile(text, "p.yaml")
    (problem,) = file.check(REGISTRY, parse)
    assert file.error(problem).where == "p.yaml:7"


def test_the_schema_knows_every_type_and_key() -> None:
    schema = pipeline_schema(REGISTRY)
    text = str(schema)
    assert all(f"'const': '{name}'" in text for name in REGISTRY.names())
    assert all(f"'{key}'" in text for key in CONNECTION_KEYS)
    assert "x-unit" in text


@settings(max_examples=60)
@given(st.text(alphabet="abc:{}[]-, \n&*!'\"#01.|>%@", max_size=60))
def test_any_text_is_read_or_refused_with_one_error(text: str) -> None:
    try:
        file = PipelineFile(text, "any.yaml")
    except ConfigError:
        return
    assert file.check(REGISTRY) or file.pipeline is not None
