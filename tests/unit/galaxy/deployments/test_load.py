from __future__ import annotations

import os
from typing import TYPE_CHECKING

from galaxy.deployments.load import coarse_load

if TYPE_CHECKING:
    import pytest


def test_the_load_that_is_told_changes_by_whole_steps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    told, steps = 0.0, []
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for load in (0.2, 0.3, 0.2, 1.1, 0.8, 0.9, 0.7, 0.1):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        told = coarse_load(told)
        steps.append(told)
    assert steps == [0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0]
