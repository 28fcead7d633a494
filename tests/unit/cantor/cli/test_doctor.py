from __future__ import annotations

from cantor.cli.doctor import report
from cantor.doctor.facts import Finding


def test_causes_are_aligned_and_commands_stand_below_them() -> None:
    text = report(
        [Finding("clock", "ok", "plausible"), Finding("agent", "problem", "none", "cantor agent")]
    )
    assert text.splitlines() == [
        "STATE    CHECK  CAUSE",
        "ok       clock  plausible",
        "problem  agent  none",
        "                $ cantor agent",
    ]
