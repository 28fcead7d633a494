"""Rigs with a simulated board."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest

from firmware_bridge.strict_file import StrictFile
from hil_rig.rig import Rig
from hil_rig.rig_file import read_rig
from hil_rig.timeline import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeRig: TypeAlias = Callable[..., Rig]


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    made: list[Rig] = []

    def make(simulated: str = "{}", board: str = "{}", seed: int = 5) -> Rig:
        text = f"name: test\nbackend: simulated\nboard: {board}\nsimulated: {simulated}\n"
        spec, problems = read_rig(StrictFile(text, "test.yaml"))
        assert spec is not None, problems
        rig = Rig(spec, Record("test", seed))
        made.append(rig)
        rig.open()
        return rig

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    started = make_rig()
    started.board.start()
    return started
