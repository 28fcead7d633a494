"""A ``resources.yaml``: what it says, and what is wrong with it, at its line."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource
from cantor.cli.agent import resources_of
from cantor.node.grants.written import (
    ResourceSettings,
    file_schema,
    load_resources,
    resource_from_text,
)

EXAMPLE = Path(__file__).parents[5] / "configs" / "resources" / "resources.yaml"


def load(folder: Path, text: str) -> ResourceSettings:
    path = folder / "resources.yaml"
    path.write_text(text, encoding="utf-8")
    return load_resources(path)


def test_the_example_is_read_and_follows_the_schema() -> None:
    told = load_resources(EXAMPLE)

    assert told.resources == (
        Resource("Detectron2", "condition", value=True),
        Resource("cuda", "condition", "12.4.1"),
        Resource("Robot", "quantity", 1),
        Resource("Scratch", "quantity", 2**33, "B"),
    )
    assert told.shared == {"Licence": 8}
    jsonschema_rs.validate(file_schema(), yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))


def test_options_add_to_the_file_and_go_before_it() -> None:
    options = Namespace(resources_file=EXAMPLE, resource=["GPU=2"], shared=["Licence=3", "Seat=1"])

    told = resources_of(options)

    assert told.resources[-1] == Resource("GPU", "quantity", 2)
    assert told.shared == {"Licence": 3, "Seat": 1}
    nothing = Namespace(resources_file=None, resource=[], shared=[])
    assert resources_of(nothing) == ResourceSettings()


def test_what_is_left_out_is_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing\nshared:\n") == ResourceSettings()


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("quantity:\n  GPU: 1", "yaml:1: quantity", "no such key"),
        ("quantities:\n  GPU: 0", "yaml:2: GPU", "0 is no number of units"),
        ("quantities:\n  GPU: many", "yaml:2: GPU", "'many' is no number of units"),
        ("quantities:\n  GPU: true", "yaml:2: GPU", "True is no number of units"),
        ("conditions:\n  os: [a]", "yaml:2: os", "is no value of a resource"),
        ("conditions:\n  not: 1", "yaml:2: not", "no name of a resource"),
        ("\nshared:\n  Licence: 0.5", "yaml:3: Licence", "0.5 cannot be shared"),
        ("shared:\n  Licence: 5000", "yaml:2: Licence", "5000 cannot be shared"),
        ("shared: 8", "yaml:1: shared", "no list of names and values"),
        ("- GPU", "resources.yaml", "no list of names and values"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    tmp_path: Path, text: str, where: str, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    assert what in str(caught.value)
    assert where in str(caught.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_resources(tmp_path / "none.yaml")


@given(st.text(max_size=30))
def test_any_text_is_a_resource_or_a_clear_refusal(text: str) -> None:
    told = ""
    try:
        resource = resource_from_text(text)
    except ConfigError as error:
        told = error.remedy
    else:
        told = resource.name
    assert told
