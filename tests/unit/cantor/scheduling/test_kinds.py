"""Conditions that do not fit the kind of what nodes have are shown, each at its column."""

from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource
from cantor.scheduling.kinds import check_kinds
from cantor.scheduling.needs import parse

HERE = (
    Resource("GPU", "quantity", 2),
    Resource("Memory", "quantity", 2**33, "B"),
    Resource("Detectron2", "condition", value=True),
    Resource("os", "condition", "linux"),
    Resource("cuda", "condition", "12.4.1"),
    Resource("colour", "condition", "red"),
    Resource("colour", "condition", 3),
    Resource("open", "condition", "true"),
)


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("GPU = 1 and Detectron2 = 1", 13, "Detectron2 is a condition and cannot be taken"),
        ("GPU = 2GiB", 1, "GPU does not count bytes"),
        ("CPU == 1 or GPU >= 2GiB", 13, "GPU does not count bytes"),
        ("GPU != 2GiB", 1, "GPU does not count bytes"),
        ('GPU = 1 and Memory == "two"', 13, "Memory is a number, not text"),
        ('GPU in ["one", "two"]', 1, "GPU is a number, not text"),
        ("not os == 3", 5, 'os is text ("linux"), not a number'),
        ("os == true", 1, 'os is text ("linux"), not true or false'),
        ("cuda >= 2GiB", 1, 'cuda is text ("12.4.1"), not a number'),
    ],
)
def test_what_never_holds_is_shown_at_its_column(text: str, column: int, what: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_kinds(text, parse(text), HERE)

    assert refused.value.where == f"needs, column {column}"
    assert refused.value.what == what
    caret = refused.value.remedy.splitlines()[-1]
    assert caret.index("^") == 4 + column - 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GPU = 1 and Memory = 2GiB and Memory >= 4096",
        'cuda >= 12.4.0 and cuda > 12 and os == "linux" and Detectron2 == true',
        'colour == "red" or colour == 3',
        'GPU in [1, "two"]',
        "open == true",
        "os != 3",
        "Rocket = 1 and label.site == 3",
    ],
)
def test_what_may_hold_one_day_passes(text: str) -> None:
    check_kinds(text, parse(text), HERE)
