"""What a person wrote is read strictly, and what is wrong is said with its line."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from firmware_bridge.strict_file import Problem, StrictFile, read_strict_file

if TYPE_CHECKING:
    from pathlib import Path


def test_an_error_names_file_line_and_key() -> None:
    file = StrictFile("a: 1\nb:\n  - c: 2\n", "x.yaml")

    error = file.error(Problem(("b", 0, "c"), "is wrong", "mend it"))

    assert str(error) == "x.yaml:3: b[0].c: is wrong — mend it"


def test_a_missing_key_is_shown_where_it_should_stand() -> None:
    file = StrictFile("a: 1\nb: {}\n", "x.yaml")

    assert file.error(Problem(("b", "c"), "is missing")).where == "x.yaml:2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a mapping"),
        ("[]", "is not a mapping"),
        ("a: 1\na: 2", r"x.yaml:2: the key 'a' stands twice"),
        ("a: &x 1\nb: *x", r"x.yaml:2: aliases"),
        ("a: [", "is not YAML"),
        ("{1: {[a]: 1}}", "a key must be a word"),
        ("a: " + "[" * 20 + "]" * 20, "nested deeper"),
        ("a: 2024-13-45", "is no plain value"),
        ("a: !!python/object:os.system 1", "is no plain value"),
    ],
)
def test_what_is_no_plain_mapping_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        StrictFile(text, "x.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_strict_file(tmp_path / "none.yaml")
    (tmp_path / "big.yaml").write_text("a: " + "x" * 300_000)
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        read_strict_file(tmp_path / "big.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe4")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_strict_file(tmp_path / "latin.yaml")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        assert isinstance(StrictFile(text, "x.yaml").content, dict)
