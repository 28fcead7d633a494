from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_rig.simulated.flash import SLOT_BYTES, SettingsFlash

OLD, NEW = {"gain": "1", "offset": "-1"}, {"gain": "2", "offset": "-2"}


def written(flash: SettingsFlash, settings: dict[str, str], share: float = 1.0) -> None:
    steps = flash.write_steps(settings)
    for step in steps[: round(len(steps) * share)]:
        step()


@given(st.floats(0, 1), st.integers(0, 3))
def test_a_write_cut_anywhere_leaves_old_or_new(share: float, writes_before: int) -> None:
    flash = SettingsFlash()
    for _ in range(writes_before + 1):
        written(flash, OLD)

    written(flash, NEW, share)

    assert flash.read()[1] in (OLD, NEW)
    assert (flash.read()[1] == NEW) or share < 1


def test_a_torn_slot_is_counted_and_written_again() -> None:
    flash = SettingsFlash()
    written(flash, OLD)
    written(flash, NEW, 0.97)

    assert (flash.torn(), flash.read()[1]) == (1, OLD)

    written(flash, NEW)
    assert (flash.torn(), flash.read()[1]) == (0, NEW)


def test_writing_in_place_can_lose_everything() -> None:
    flash = SettingsFlash(in_place=True)
    written(flash, OLD)

    written(flash, NEW, 0.5)

    assert flash.read() == (0, {})


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="settings take"):
        SettingsFlash().write_steps({"a": "x" * SLOT_BYTES})
