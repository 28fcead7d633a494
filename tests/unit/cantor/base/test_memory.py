from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import TYPE_CHECKING

from cantor.base.memory import give_back_memory

if TYPE_CHECKING:
    import pytest


def test_all_that_is_free_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=kept.append))

    give_back_memory()

    assert kept == [0]


def test_a_c_library_that_cannot_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())

    give_back_memory()
