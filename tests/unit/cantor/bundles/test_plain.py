"""Types of modules that are loaded late travel as if they were known from the beginning."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from cantor.bundles.plain import is_plain, put_together, take_apart

VALUES = [Decimal("1.50"), Fraction(3, 4), UUID(int=7), ZoneInfo("Europe/Berlin")]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_was_taken_apart_is_put_together_where_its_module_is_not_loaded(value: object) -> None:
    taken = take_apart(value)
    assert taken is not None
    code = (
        "import sys; from cantor.bundles.plain import put_together, take_apart;"
        f" name, told = {taken!r}; assert {type(value).__module__!r} not in sys.modules;"
        " assert take_apart(put_together(name, told)) == (name, told)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert put_together(*taken) == value


def test_a_type_of_the_same_name_is_another() -> None:
    like = type("Decimal", (), {"__module__": "decimal"})

    assert not is_plain(like)
    assert take_apart(like()) is None
