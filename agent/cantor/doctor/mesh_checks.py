"""Judges what the running agent has heard and run: other boxes' clocks, and pipelines here."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cantor.doctor.facts import Finding

if TYPE_CHECKING:
    from cantor.doctor.facts import OtherClockFacts, RunFacts

_SET_CLOCK = "sudo timedatectl set-ntp true"


def check_other_clocks(facts: OtherClockFacts) -> Finding:
    """Whether a clock is more than 60 s ahead of this box's, and whose clock is to be mended."""
    if not facts.ahead:
        return Finding("clocks", "ok", "no other node's clock is too far ahead of this one")
    worst = max(facts.ahead, key=lambda clock: clock.ahead_s)
    if len(facts.ahead) > 1 and 2 * len(facts.ahead) > facts.others:
        what = (
            f"the clocks of {len(facts.ahead)} of {facts.others} other nodes are up to "
            f"{worst.ahead_s:.0f} s ahead: this box's is behind"
        )
        return Finding("clocks", "problem", what, _SET_CLOCK)
    named = ", ".join(f"{clock.name} ({clock.ahead_s:.0f} s)" for clock in facts.ahead)
    what = f"ahead of this box's clock, so that what they say is refused: {named}"
    remedy = f"ssh {shlex.quote(worst.host or worst.name)} {_SET_CLOCK}"
    return Finding("clocks", "problem", what, remedy)


def check_modules(facts: RunFacts) -> Finding:
    """Whether workers find the modules that pipelines are made of."""
    if not facts.missing:
        return Finding("workers", "ok", "the modules of pipelines are installed")
    what = f"pipelines cannot run on this box without {', '.join(facts.missing)}"
    return Finding("workers", "warning", what, "pip install 'cantor-edge[vision]'")


def check_runs(facts: RunFacts) -> Finding:
    """Whether a part of a pipeline failed on this node."""
    if not facts.failed:
        return Finding("pipelines", "ok", "no part of a pipeline failed here")
    first = facts.failed[0]
    more = f", and {len(facts.failed) - 1} more" if len(facts.failed) > 1 else ""
    what = f"{first.group} of deployment {first.deployment} failed: {first.error}{more}"
    return Finding(
        "pipelines", "problem", what, f"cantor pipeline status {shlex.quote(first.deployment)}"
    )
