"""What the mesh has in all: nodes add up, shared units count once, and the lost do not count."""

from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.usage import Whole, overview
from cantor.node.view import NodeView

WALL, ROOF, AWAY = (NodeId(letter * 32) for letter in "abc")


def view(
    node: NodeId,
    *resources: Resource,
    taken: dict[str, dict[str, int | float]] | None = None,
    waiting: dict[str, int] | None = None,
    is_alive: bool = True,
) -> NodeView:
    return NodeView(
        node, node[:1], is_alive, "1", {}, (), resources, (),
        taken=taken or {}, waiting=waiting or {},
    )  # fmt: skip


def by_name(wholes: list[Whole]) -> dict[str, Whole]:
    return {f"{one.kind} {one.name}": one for one in wholes}


def test_units_of_nodes_add_up_and_those_of_the_lost_do_not_count() -> None:
    gpus = Resource("GPU", "quantity", 2)
    found = by_name(
        overview(
            [
                view(WALL, gpus, taken={"run": {"GPU": 1}, "task": {"GPU": 1}}, waiting={"GPU": 3}),
                view(ROOF, gpus),
                view(AWAY, gpus, Resource("GPU", "condition", "old"), is_alive=False),
            ],
            {},
            {},
        )
    )

    gpu = found["quantity GPU"]
    assert (gpu.total, gpu.taken, gpu.free, gpu.waiting) == (4, 2, 2, 3)
    assert [part.node.id for part in gpu.parts] == [WALL, ROOF, AWAY]
    assert [part.node.id for part in gpu.reached] == [WALL, ROOF]
    assert found["condition GPU"].reached == []


def test_shared_units_stand_on_every_node_and_count_once() -> None:
    licence = Resource("Licence", "quantity", 8)
    own = Resource("Licence", "quantity", 9)  # one of its own beside eight of the site
    taken: dict[str, dict[str, int | float]] = {"run": {"Licence": 2}, "elsewhere": {"Licence": 5}}
    pooled = {WALL: {"Licence": 8}, ROOF: {"Licence": 8}}

    [whole] = overview([view(WALL, own, taken=taken), view(ROOF, licence)], {"Licence": 8}, pooled)

    assert (whole.total, whole.taken, whole.free, whole.shared) == (9, 2, 7, 8)
    assert (whole.parts[0].elsewhere, whole.parts[0].free, whole.parts[1].free) == (5, 2, 8)


def test_more_taken_than_there_is_leaves_nothing_free() -> None:
    [whole] = overview(
        [view(WALL, Resource("GPU", "quantity", 1), taken={"run": {"GPU": 3}})], {}, {}
    )

    assert (whole.free, whole.parts[0].free) == (0, 0)
    assert (
        by_name(overview([view(WALL, Resource("os", "condition", "linux"))], {}, {}))[
            "condition os"
        ]
        .parts[0]
        .total
        == 0
    )
