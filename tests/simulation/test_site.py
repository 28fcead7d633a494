"""Many nodes in one local network: nobody holds a link with everybody, and nobody is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.simulation.checks import are_equal
from tests.simulation.places import everybody
from tests.simulation.scenario import await_equal
from tests.simulation.site import degrees, simulate_site
from tests.simulation.world import World

from cantor.mesh.settings import MeshSettings

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.mesh.effects import FactsChanged

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize(("nodes", "links_max"), [(12, 4), (40, 4), (30, 6)])
def test_a_node_keeps_a_few_links_however_many_there_are(nodes: int, links_max: int) -> None:
    site = World(nodes, 1, knows=everybody(nodes), settings=MeshSettings(links_max=links_max))
    site.run(45.0)
    assert min(degrees(site)) >= 2
    assert max(degrees(site)) <= links_max
    assert not [link for box in site.boxes.values() for link in box.core.links if link.is_parting]
    await_equal(site, "the site fell apart")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_faults_nobody_holds_more_links_than_it_wants_and_nobody_is_apart(seed: int) -> None:
    outcome = simulate_site(24, seed)
    assert max(outcome.degrees) <= 4
    assert sum(outcome.degrees.values()) == 24
    assert outcome.most_links_seen > 4  # some were needed for a moment


def test_a_star_around_the_only_address_that_all_know_spreads_out() -> None:
    star = World(12, 1, knows=lambda place: [0] if place else [])
    star.run(2.0)
    assert degrees(star)[0] == 11
    assert are_equal(star)  # the star itself cannot part: nobody else knows an address


def test_newcomers_to_a_full_site_get_in() -> None:
    site = World(20, 2, knows=everybody(20))
    newcomers = site.ids[15:]
    for node in newcomers:
        site.stop(node)
    site.run(20.0)
    for node in newcomers:
        site.start(node)
    site.run(21.5)
    assert all(len(box.core.alive) == 19 for box in site.boxes.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_halves_that_find_each_other_are_not_all_linked_at_once(seed: int) -> None:
    site = World(20, seed, knows=everybody(20))
    site.run(12.0)
    half = set(site.ids[:10])
    site.network.cut((a, b) for a in site.ids if a in half for b in site.ids if b not in half)
    site.run(22.0)
    before, made, said = set(site.network.lines), set[str](), 0

    def note(node: NodeId, effect: FactsChanged) -> None:
        nonlocal said
        said += sum(fact.owner == node and fact.name == "links" for fact in effect.facts)

    site.on_facts = note
    site.heal()
    for _ in range(100):
        site.run(site.now + 0.1)
        made |= site.network.lines.keys() - before
    assert len(made) <= 30  # with ten nodes that dial ten others each
    assert said <= 120
    await_equal(site, "the halves did not find each other")


def test_parts_that_were_away_for_long_find_each_other_at_once() -> None:
    site = World(16, 3, knows=everybody(16))
    site.run(10.0)
    half = set(site.ids[:8])
    site.network.cut((a, b) for a in site.ids if a in half for b in site.ids if b not in half)
    site.run(100.0)
    assert all(len(box.core.alive) == 7 for box in site.boxes.values())
    site.heal()
    assert await_equal(site, "the halves did not find each other") <= 5.0
