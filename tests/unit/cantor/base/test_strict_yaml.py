from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.base.strict_yaml import NESTING_MAX, StrictYaml

TEXT = """\
name: door
filters:
  camera:
    - {type: file}
    - 2
"""


def test_values_are_plain_and_every_key_knows_its_line() -> None:
    read = StrictYaml(TEXT, "door.yaml")

    assert read.content == {"name": "door", "filters": {"camera": [{"type": "file"}, 2]}}
    assert read.line(("filters", "camera", 1)) == 5
    assert read.line(("filters", "camera", 0, "type")) == 4
    assert read.line(("filters", "no", "such")) == 2


def test_an_empty_text_has_no_content() -> None:
    assert StrictYaml("", "x").content is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2", r"x:2: the key 'a' stands twice"),
        ("a: &b 1\nc: *b", r"x:2: aliases"),
        ("a: [1", r"x:\d: is not YAML"),
        ("? [1]\n: 2", r"x:1: a key must be a word"),
        ("[" * (NESTING_MAX + 1) + "]" * (NESTING_MAX + 1), "nested deeper than 16"),
        ("a: !!python/object:os.system 1", "x:1"),
    ],
)
def test_what_is_no_strict_yaml_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        StrictYaml(text, "x")
