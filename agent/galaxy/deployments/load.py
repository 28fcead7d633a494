"""How busy this machine is, as the mesh is told."""

from __future__ import annotations

import os

LOAD_STEP = 0.25


def coarse_load(told: float) -> float:
    """The load of this machine per core over the last minute, in coarse steps: it is a fact.

    It stays ``told`` while it is within a step of that.
    """
    try:
        per_core = os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 0.0
    if abs(per_core - told) < LOAD_STEP:
        return told
    return round(per_core / LOAD_STEP) * LOAD_STEP
