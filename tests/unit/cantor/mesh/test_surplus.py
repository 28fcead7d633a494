from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.mesh.cost import LinkCost
from cantor.mesh.graph import Graph
from cantor.mesh.links import Link
from cantor.mesh.settings import MeshSettings
from cantor.mesh.surplus import AGREE_AFTER_S, GIVE_UP_AFTER_S, Surplus

ME, *PEERS = [NodeId(f"{number:032x}") for number in range(8)]


def links(count: int, costs: dict[int, float] | None = None) -> list[Link]:
    given = costs or {}
    return [
        Link(peer, f"{number}", True, LinkCost(given.get(number, 1.0)), 99.0)
        for number, peer in enumerate(PEERS[:count])
    ]


def graph(held: list[Link], *, is_meshed: bool = True) -> Graph:
    """Everybody is linked with everybody, or only with this node."""
    made = Graph()
    made.announced(ME, [[link.peer, link.cost] for link in held])
    peers = [link.peer for link in held]
    for peer in peers:
        others = [p for p in peers if p != peer] if is_meshed else []
        made.announced(peer, [[other, 1.0] for other in (ME, *others)])
    return made


def surplus(held: list[Link], *, is_meshed: bool = True) -> Surplus:
    return Surplus(ME, MeshSettings(links_max=4), graph(held, is_meshed=is_meshed))


def announce(part: Surplus, held: list[Link]) -> None:
    part.graph.announced(ME, [[link.peer, link.cost] for link in held])


def test_the_dearest_link_is_made_dear_first_and_given_up_when_the_tree_has_left_it() -> None:
    held = links(5, {2: 9.0})
    part = surplus(held)
    assert part.step(held, 10.0) == ([], True)
    announce(part, held)
    assert held[2].is_parting
    asked, _ = part.step(held, 10.0 + AGREE_AFTER_S)
    assert asked == [held[2]]


def test_a_link_that_the_tree_needs_stays() -> None:
    held = links(5)
    part = surplus(held, is_meshed=False)
    part.step(held, 10.0)
    announce(part, held)
    assert part.step(held, 10.0 + AGREE_AFTER_S)[0] == []
    part.step(held, 10.0 + GIVE_UP_AFTER_S)
    assert not any(link.is_parting for link in held)


def test_a_link_with_traffic_and_a_young_one_stay() -> None:
    held = links(5)
    for link in held:
        link.data_at = 9.0
    assert surplus(held).step(held, 10.0) == ([], False)
    held = links(5)
    for link in held:
        link.up_at = 9.0
    assert surplus(held).step(held, 10.0) == ([], False)


def test_who_has_few_links_does_not_agree_to_lose_one() -> None:
    held = links(5, {0: 9.0})
    part = surplus(held)
    announce(part, held)
    assert part.agrees(held[0], 5, 10.0)
    assert not part.agrees(held[0], 2, 10.0)
    on_tree = next(link for link in held if part.graph.tree.has(ME, link.peer))
    assert not part.agrees(on_tree, 5, 10.0)


def test_with_as_many_links_as_wanted_there_is_nothing_to_do() -> None:
    held = links(4)
    assert surplus(held).step(held, 10.0) == ([], False)


def test_a_link_that_was_to_go_is_as_it_was_when_another_went_instead() -> None:
    held = links(5, {2: 9.0})
    part = surplus(held)
    part.step(held, 10.0)
    assert held[2].is_parting
    assert part.next_due < 11.0
    _, has_changed = part.step(held[1:], 10.5)
    assert has_changed
    assert not held[2].is_parting
    assert part.next_due > 1e9
