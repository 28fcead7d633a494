"""Values as people type and read them."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from cantor.cli.value_text import TEXT_CHARACTERS_MAX, as_json, shown, value_from


@pytest.mark.parametrize(
    ("word", "value"),
    [("12", 12), ('{"a": [1]}', {"a": [1]}), ("hello", "hello"), ("", ""), ('"12"', "12")],
)
def test_what_is_json_is_that_and_all_else_a_text(word: str, value: object) -> None:
    assert value_from(word) == value
    assert value_from(word, is_text=True) == word


def test_a_dash_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("[1]"))
    assert value_from("-") == [1]
    raw = io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", raw)
    with pytest.raises(ConfigError, match="no text"):
        value_from("-")


def test_no_value_writes_what_a_terminal_obeys() -> None:
    assert shown("a\x1b[2Jb") == "a?[2Jb"
    assert shown({"a": Decimal(1)}) == '{"a": "Decimal(\'1\')"}'
    cut = shown("x" * 500, is_cut=True)
    assert len(cut) == TEXT_CHARACTERS_MAX
    assert cut.endswith("…")


@given(st.recursive(st.none() | st.floats() | st.text() | st.binary(), st.lists))
def test_any_value_is_json(value: object) -> None:
    json.loads(as_json(value))
