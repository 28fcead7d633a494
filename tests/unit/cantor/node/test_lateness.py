from __future__ import annotations

import pytest

from cantor.node.lateness import Lateness


def test_what_comes_a_little_late_does_not_count_and_the_rest_is_summed() -> None:
    lateness = Lateness()
    for late_s in (-0.001, 0.0, 0.09, 0.5, 2.0, 0.3):
        lateness.note(late_s)
    assert lateness.total_s == pytest.approx(2.8)
    assert lateness.worst_s == 2.0
