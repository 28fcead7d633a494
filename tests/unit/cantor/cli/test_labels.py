from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.cli.labels import parse_labels


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
