"""What ``make escapes-user`` and ``make escapes-vm`` say of an attempt that is not held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.escapes.run import END, HELD, line_of
from tests.escapes.trying import ATTEMPTS
from tests.escapes.vm import judge
from tests.integration.cantor.workers.escapes.attempt import Attempt, done_in_child

import cantor

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration


def reaches() -> str:
    return "the key"


def is_held() -> str:
    raise PermissionError(1, "refused")


def breaks() -> str:
    raise ZeroDivisionError


def breaks_in_its_child() -> str:
    return done_in_child(lambda: 1 // 0)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (reaches, "GOT THROUGH: 'the key'"),
        (breaks, "DID NOT RUN: ZeroDivisionError"),
        (breaks_in_its_child, "DID NOT RUN: RuntimeError"),
        (is_held, HELD),
    ],
)
def test_a_line_says_what_became_of_it(function: Callable[[], str], said: str) -> None:
    with cantor.local(workers=1) as here:
        assert line_of(Attempt(function, "never"), here, here, {}).startswith(said)


def test_an_attempt_that_does_not_work_without_a_sandbox_proves_nothing() -> None:
    with cantor.local(workers=1) as here:
        assert line_of(Attempt(is_held, "anybody"), here, here, {}).startswith("PROVES NOTHING")


def test_a_machine_that_leaves_an_attempt_out_fails(capsys: pytest.CaptureFixture[str]) -> None:
    once = [*(f"{one.name} {HELD}: refused\n" for one in ATTEMPTS), f"{END} all\n"]

    assert judge(once * 2) == 0
    assert judge(once) == 1
    assert judge([*once, *once[1:]]) == 1
    assert judge([*once, once[0].replace(HELD, "GOT THROUGH"), *once[1:]]) == 1
    assert ATTEMPTS[0].name in capsys.readouterr().err
