"""Many nodes in one local network, with faults: a few links each afterwards, and nobody apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation.checks import is_safe
from tests.simulation.places import everybody
from tests.simulation.scenario import FORM_S, await_equal, come_together, go_wrong
from tests.simulation.world import World, check

from cantor.mesh.settings import MeshSettings

if TYPE_CHECKING:
    from collections import Counter

REST_WITHIN_S = 120.0
"""So long to give up the links that were needed while things went wrong."""
STEP_S = 5.0
LINKS_LEAST = 2


@dataclass(slots=True)
class SiteOutcome:
    """How many nodes hold how many links at the end, and what happened before."""

    digest: str
    degrees: dict[int, int]
    most_links_seen: int
    rested_after_s: float
    fired: Counter[str]


def simulate_site(nodes: int, seed: int, links_max: int = 4) -> SiteOutcome:
    """One run; raises CantorError if a node is left with too many links, or apart."""
    settings = MeshSettings(links_max=links_max)
    world = World(nodes, seed, knows=everybody(nodes), settings=settings)
    world.run(FORM_S)
    most = max(degrees(world))
    go_wrong(world)
    come_together(world)
    most = max(most, *degrees(world))
    check(most <= 2 * settings.links_hard_max, "a node held more links than it may ever")
    began = world.now
    while max(found := degrees(world)) > links_max:
        kept = f"a node keeps {max(found)} links, more than {links_max}"
        check(world.now - began < REST_WITHIN_S, kept)
        world.run(world.now + STEP_S)
        is_safe(world)
    rested_after_s = world.now - began
    await_equal(world, "the site fell apart")
    check(min(found) >= LINKS_LEAST, f"a node is left with {min(found)} links")
    counts = {degree: found.count(degree) for degree in sorted(set(found))}
    return SiteOutcome(world.digest, counts, most, rested_after_s, world.fired)


def degrees(world: World) -> list[int]:
    """How many links each node has."""
    return [len(box.core.links) for box in world.boxes.values()]
