"""``cantor task``: what is wrong with its words is said before any agent is asked."""

from __future__ import annotations

import pytest

from cantor.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("[64", "no JSON: Expecting"),
        ("photo.jpg", "no JSON: Expecting value"),
        ("[" * 100_000, "no JSON: "),
        ("64", "expected a list, or arguments by name"),
    ],
)
def test_arguments_that_are_no_list_are_answered_with_how_to_write_them(
    arguments: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["task", "submit", "photos", arguments]) == 2
    said = capsys.readouterr().err
    assert f"arguments: {error}" in said
    assert """write '[64, "red"]', or '{"width": 64}' for arguments by name""" in said
