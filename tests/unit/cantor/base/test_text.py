from __future__ import annotations

import pytest

from cantor.base.text import printable, width_of


@pytest.mark.parametrize(("text", "cells"), [("", 0), ("gate", 4), ("四号线 4", 8), ("Ü", 1)])
def test_a_chinese_sign_takes_two_cells(text: str, cells: int) -> None:
    assert width_of(text) == cells


def test_what_a_terminal_would_obey_is_a_question_mark() -> None:
    assert printable("four\x1b[2J线") == "four?[2J线"
