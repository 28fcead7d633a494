"""What a mesh at rest does when one thing happens to it."""

from __future__ import annotations

from tests.unit.galaxy.deployments.mesh import Mesh, chain, node_id

from cantor.base.resources import Resource

CAMERA = Resource("USBCamera", "condition", 1)
GPU = Resource("GPU", "quantity", 1)
CAMERA_BOX, GPU_BOX, OTHER_GPU_BOX, SUBMITTER = (node_id(number) for number in range(1, 5))


def at_rest() -> Mesh:
    """The chain runs, deployed from a box that has no hardware for it."""
    mesh = Mesh(1, [(CAMERA,), (GPU,), (GPU,), ()])
    mesh.settle()
    mesh.deploy(SUBMITTER, "d1", chain())
    mesh.settle()
    return mesh


def test_a_group_on_an_untouched_node_keeps_its_run_when_another_node_dies() -> None:
    mesh = at_rest()
    runner = next(box for box in (GPU_BOX, OTHER_GPU_BOX) if "detect" in mesh.running(box)["d1"])
    before = mesh.running(CAMERA_BOX)["d1"]["camera"]

    mesh.kill(runner)
    mesh.settle()

    other = GPU_BOX if runner == OTHER_GPU_BOX else OTHER_GPU_BOX
    assert mesh.fired["kill of runs"] == 1
    assert mesh.running(CAMERA_BOX)["d1"]["camera"] == before
    assert mesh.running(other)["d1"]["detect"] > before


def test_a_deployment_outlives_the_node_that_submitted_it_and_any_other_can_stop_it() -> None:
    mesh = at_rest()
    mesh.kill(SUBMITTER)
    mesh.settle()
    kept = [box for box in mesh.living() if (box.id, "deployment/d1") in box.ledger]
    assert "camera" in mesh.running(CAMERA_BOX)["d1"]
    assert kept, "no living node has a copy of its own"

    assert mesh.want(CAMERA_BOX, "d1", "stopped")
    mesh.settle()

    assert not any(any(mesh.running(box.id).values()) for box in mesh.living())
