from __future__ import annotations

import logging

import pytest

from cantor.base.log_format import FieldFormatter


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "ERROR room: it failed"),
        ({"trace_id": "ab12", "count": 3}, "ERROR room: it failed trace_id=ab12 count=3"),
        (
            {"reason": "bridge.yaml:4: broker.hoste: unknown key"},
            "ERROR room: it failed reason='bridge.yaml:4: broker.hoste: unknown key'",
        ),
        (
            {"said": "two\nlines", "nothing": ""},
            r"ERROR room: it failed said='two\nlines' nothing=''",
        ),
    ],
)
def test_a_line_shows_the_fields_of_what_happened(fields: dict[str, object], line: str) -> None:
    record = logging.getLogger("room").makeRecord(
        "room", logging.ERROR, "here.py", 1, "it failed", (), None, extra=fields
    )
    assert FieldFormatter().format(record) == line
