"""Whatever befalls the mesh, once it is left alone every group runs once where it fits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.galaxy.deployments.mesh import Mesh, chain

from cantor.base.resources import Resource
from galaxy.deployments.records import DEPLOYMENT
from galaxy.placement import Pool

if TYPE_CHECKING:
    from tests.unit.galaxy.deployments.mesh import Box

    from cantor.base.ids import NodeId
    from galaxy.deployments.facts import Held
    from galaxy.pipeline import Pipeline

SEEDS = range(24)
CAMERA = Resource("USBCamera", "condition", 1)
GPU = Resource("GPU", "quantity", 1)
BOXES = ((CAMERA,), (GPU,), (CAMERA, GPU), (GPU,), ())
FAULTS = (
    "kill", "return", "return", "part", "heal", "heal", "deploy", "stop", "start", "start",
    "remove", "resources", "end", "end",
)  # fmt: skip
WANTED = {"stop": "stopped", "start": "running", "remove": "removed"}


def act(mesh: Mesh, fault: str) -> None:
    """Do one thing, where it can be done now."""
    pick = mesh.random
    node = pick.choice(sorted(mesh.boxes))
    names = {name for box in mesh.living() for _, name in box.ledger}
    known = sorted(name.removeprefix(DEPLOYMENT) for name in names if name.startswith(DEPLOYMENT))
    lives = node not in mesh.dead
    match fault:
        case "kill" if lives and len(mesh.dead) < len(mesh.boxes) - 1:
            mesh.kill(node)
        case "return" if mesh.dead:
            mesh.restart(pick.choice(sorted(mesh.dead)))
        case "part":
            mesh.part({box: pick.randint(0, 1) for box in mesh.boxes})
        case "heal":
            mesh.heal()
        case "deploy" if lives and len(known) < 3:
            mesh.deploy(node, f"d{len(known)}", chain(detect=pick.choice(("", "GPU = 1"))))
        case "stop" | "start" | "remove" if lives and known:
            mesh.fired[fault] += mesh.want(node, pick.choice(known), WANTED[fault])
        case "resources" if lives:
            mesh.change_resources(node, pick.choice(BOXES))
        case "end" if lives and any(mesh.running(node).values()):
            runs = [(name, leader) for name, runs in mesh.running(node).items() for leader in runs]
            mesh.finish(node, *pick.choice(runs), pick.choice(("finished", "stopped")))


def check(mesh: Mesh) -> None:
    """In each part of the mesh: one placement, one run of each group, where it fits."""
    for side in mesh.sides():
        looks = [mesh.look(box) for box in side]
        facts = looks[0]
        pool = Pool(facts.nodes)
        unplaced = []
        for identity, held in facts.held.items():
            assert all(look.held[identity].deployment == held.deployment for look in looks)
            wanted = held.deployment.wanted == "running"
            if wanted:
                assert held.placed is not None or not facts.able
                assert all(look.held[identity].placed == held.placed for look in looks)
            for group in groups_of(held):
                leader = group[0]
                runs = runs_of(mesh, side, identity, leader)
                placed = held.placed
                if not wanted or placed is None:
                    assert runs == []
                elif leader not in placed.nodes:
                    assert runs == []
                    unplaced.append((held, group))
                else:
                    run = held.run(placed, leader)
                    assert run is not None
                    place = placed.nodes[leader], placed.group_epochs[leader]
                    assert runs == ([] if run.state == "finished" else [place]), (run, place)
                    for node, _ in runs:
                        assert pool.take(pipeline_in(held), group, node) == ""
        for held, group in unplaced:
            assert all(pool.refusal(pipeline_in(held), group, box.id) for box in side)
    assert max(Counter(mesh.starts).values(), default=1) == 1, "a run was begun twice"


def pipeline_in(held: Held) -> Pipeline:
    assert held.pipeline is not None
    return held.pipeline


def groups_of(held: Held) -> list[tuple[str, ...]]:
    removed = held.deployment.wanted == "removed"
    return [] if removed else pipeline_in(held).groups()


def runs_of(mesh: Mesh, side: list[Box], identity: str, leader: str) -> list[tuple[NodeId, int]]:
    return [
        (box.id, mesh.running(box.id)[identity][leader])
        for box in side
        if leader in mesh.running(box.id).get(identity, {})
    ]


def nothing_more_happens(mesh: Mesh) -> None:
    before = mesh.published.total()
    for _ in range(30):
        mesh.step()
    assert mesh.published.total() == before


@pytest.fixture(scope="module")
def fired() -> Counter[str]:
    return Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_faults_each_group_runs_once_where_it_fits(
    seed: int, fired: Counter[str]
) -> None:
    mesh = Mesh(seed, BOXES)
    act(mesh, "deploy")
    act(mesh, "deploy")
    for _ in range(20):
        act(mesh, mesh.random.choice(FAULTS))
        for _ in range(mesh.random.choice((0, 1, 3, 10, 40))):
            mesh.step()
    mesh.settle()
    check(mesh)
    nothing_more_happens(mesh)
    mesh.heal()
    mesh.settle()
    check(mesh)
    fired.update(mesh.fired)


def test_every_fault_has_struck(fired: Counter[str]) -> None:
    struck = {name for name, count in fired.items() if count}

    assert struck >= {
        "kill", "kill of runs", "return", "return to lost runs", "partition", "heal", "lost",
        "out of order", "resources", "stop", "start", "remove", "finished", "stopped",
    }  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 12))))
def test_any_order_of_faults_ends_well(seed: int, faults: list[tuple[str, int]]) -> None:
    mesh = Mesh(seed, BOXES[:4])
    act(mesh, "deploy")
    for fault, ticks in faults:
        act(mesh, fault)
        for _ in range(ticks):
            mesh.step()
    mesh.settle()
    check(mesh)
    nothing_more_happens(mesh)
