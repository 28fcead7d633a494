"""Which revisions of a push are still on trial: what fails in their code counts against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.node.push.running import Running
    from cantor.node.push.shelf import Prepared
    from cantor.services.orders import Revision
    from cantor.services.upkeep import Upkeep


def stands_on_trial(
    bundle: str, stood: int, revisions: Iterable[Revision], upkeep: Upkeep | None
) -> bool:
    """Whether that bundle is the revision that stands, and is not known to be good."""
    good = upkeep.good if upkeep else None
    stamps = [one.stamp for one in revisions if one.bundle == bundle]
    return any(one.number == stood and (not good or good.stamp != one) for one in stamps)


def tried(
    code: str,
    running: Mapping[int, Running],
    prepared: Mapping[str, Prepared],
    upkeep: Upkeep | None,
) -> list[int]:
    """The runs of revisions on trial that have this code: a bundle, or a function of one."""
    found = []
    for number, run in running.items():
        plan, bundle = upkeep.plan_of(number) if upkeep else None, run.plan.bundle
        mine = {bundle, *(one.id for one in prepared[bundle].codes.values())}
        if upkeep and plan and code in mine and not upkeep.is_good(plan):
            found.append(number)
    return found
