from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING

from cantor.node.loop import loop_factory, run_loop

if TYPE_CHECKING:
    import pytest


async def name_of_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_runs_the_program_where_it_is_installed() -> None:
    assert importlib.util.find_spec("uvloop") is not None
    assert run_loop(name_of_loop()).startswith("uvloop")


def test_without_uvloop_asyncio_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert loop_factory() is None
    assert run_loop(name_of_loop()).startswith("asyncio")
