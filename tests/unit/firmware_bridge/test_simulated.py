"""The simulated thermometer: plausible, repeatable, and it counts its boots."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from firmware_bridge.simulated import Room, SimulatedThermometer

if TYPE_CHECKING:
    from pathlib import Path


def test_a_room_is_warm_and_changes_slowly() -> None:
    room = Room("t1")

    day = [room.temperature(second) for second in range(3600)]

    assert 15 < min(day) < max(day) < 27
    assert max(abs(after - before) for before, after in itertools.pairwise(day)) < 0.5
    assert all(value * 16 == int(value * 16) for value in day)


def test_the_same_device_gives_the_same_room() -> None:
    one, other, another = Room("t1"), Room("t1"), Room("t2")

    values = [[room.temperature(second) for second in range(9)] for room in (one, other, another)]

    assert values[0] == values[1] != values[2]


def test_boots_are_counted_across_restarts(tmp_path: Path) -> None:
    flash = tmp_path / "flash"

    boots = [SimulatedThermometer("127.0.0.1", 1, "t1", memory=flash).boot for _ in range(3)]

    assert boots == [1, 2, 3]


def test_an_erased_flash_begins_again(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    flash.write_text("\x00\x00")

    assert SimulatedThermometer("127.0.0.1", 1, "t1", memory=flash).boot == 1
