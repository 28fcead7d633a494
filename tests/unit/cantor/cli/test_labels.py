from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.cli.labels import parse_labels, parse_weights


def test_labels_are_names_and_values() -> None:
    assert parse_labels(["site=north", "note=a=b", "empty="]) == {
        "site": "north",
        "note": "a=b",
        "empty": "",
    }


@pytest.mark.parametrize("text", ["", "site", "=north"])
def test_what_is_no_label_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(ConfigError, match="write NAME=VALUE"):
        parse_labels([text])


def test_weights_are_read_by_node_and_the_last_holds() -> None:
    assert parse_weights(["gate=4", "a=b=0.5", "gate=2"]) == {"gate": 2.0, "a=b": 0.5}


@pytest.mark.parametrize("text", ["gate", "=4", "gate=", "gate=dear"])
def test_what_is_no_weight_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--link-weight"):
        parse_weights([text])
