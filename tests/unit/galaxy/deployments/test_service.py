"""The service on nodes in memory; what runs on them runs in real worker processes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.base.errors import GrantError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.fake import FakeMesh
from cantor.node.services import Reply
from cantor.scheduling.needs import parse
from galaxy.deployments import keeper
from galaxy.deployments.records import PLACEMENT, Able, Placed
from galaxy.deployments.service import Deployments
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.node.fake import FakeNode
    from cantor.wire.frame import Value
    from galaxy.deployments.views import DeploymentView

HERE, THERE = NodeId("a" * 32), NodeId("b" * 32)
WAIT_S = 30.0
PASSWORD = "swordfish"


def one_group(source: FilterSpec, **more: FilterSpec) -> Pipeline:
    way = Connection.from_values({"from": "source.image", "to": "count.frame"})
    return Pipeline("one", {"source": source, "count": FilterSpec("count"), **more}, (way,))


ENDLESS = one_group(FilterSpec("conveyor", {"paced": True}))


class Bench:
    """One node with the service, and another that only talks."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.node = self.mesh.add(HERE, folder / "here")
        self.other = self.mesh.add(THERE, folder / "there")
        self.service = Deployments(self.node)

    def other_of(self, tenant: str) -> FakeNode:
        """The other node, of that tenant by its certificate; what it says of itself is a lie."""
        self.other.publish("node", {"labels": {"role": "hub"}, "tenant": self.node.tenant})
        self.other.tenant = tenant
        return self.other

    async def until(self, identity: str, state: str) -> DeploymentView:
        changed = asyncio.Event()
        end = self.service.subscribe(changed.set)
        async with asyncio.timeout(WAIT_S):
            while (view := self.service.view(identity)).state != state:
                await changed.wait()
                changed.clear()
        end()
        return view


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(int(WAIT_S * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.service.start()
    yield bench
    await bench.service.close()


async def test_a_deployment_runs_and_leaves_no_process(bench: Bench) -> None:
    view = await bench.service.deploy(ENDLESS)
    await bench.until(view.id, "running")
    pid = bench.service.worker_pid(view.id)
    assert pid is not None

    await bench.service.stop(view.id)
    await eventually(lambda: not is_there(pid))
    assert bench.service.worker_pid(view.id) is None
    assert bench.service.view(view.id).state == "stopped"


async def test_a_mesh_without_deployments_is_not_read_at_each_change(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    seen = keeper.reconcile

    def reconcile(*args: Any, **more: Any) -> Any:  # noqa: ANN401 (as it is called)
        looks.append(args)
        return seen(*args, **more)

    monkeypatch.setattr(keeper, "reconcile", reconcile)
    for number in range(3):
        bench.other.publish("load", number)
        await bench.service._reconcile()
    assert looks == []

    view = await bench.service.deploy(ENDLESS)
    await bench.until(view.id, "running")
    assert looks
    await bench.service.remove(view.id)
    bench.other.publish("placement/odd", {"odd": 1})
    count = len(looks)
    await bench.service._reconcile()
    assert len(looks) > count, "what others have left behind is still looked at"


async def test_other_nodes_words_end_nothing(bench: Bench) -> None:
    stranger: Value = {"type": "from another planet", "params": {"k": PASSWORD}}
    odd: dict[str, Value] = {"name": "x", "filters": {"x": stranger}}
    wish: dict[str, Value] = {"revision": 1, "wanted": "running", "frames_max": 0}
    bench.other.publish("deployment/stranger", {**wish, "pipeline": odd})
    for name in ("deployment/huge", "placement/huge", "run/huge", "galaxy", "links"):
        bench.other.publish(name, ["x" * 1000] * 1000)

    view = await bench.service.deploy(ENDLESS)
    await bench.until(view.id, "running")

    waiting = await bench.until("stranger", "waiting")
    assert "from another planet" in waiting.reasons["x"]
    listed = bench.service.calls()["pipeline.list"]({})
    assert PASSWORD not in str(listed), "a type that is not known here may hide secrets anywhere"


async def test_people_see_no_secrets_and_workers_get_them(bench: Bench) -> None:
    mqtt = FilterSpec("mqtt", {"host": "broker", "password": PASSWORD, "topic": "t"})
    pipeline = one_group(FilterSpec("conveyor"), tell=mqtt)

    view = await bench.service.deploy(pipeline)

    assert PASSWORD in str(view.pipeline), "the mesh and its workers need it"
    for call in ("pipeline.list", "pipeline.stop"):
        answer = bench.service.calls()[call]({"id": view.id})
        shown = await answer if asyncio.iscoroutine(answer) else answer
        assert PASSWORD not in str(shown)
        assert "broker" in str(shown)


@pytest.mark.parametrize(("tenant", "allowed"), [("default", True), ("other", False), ("", False)])
async def test_a_node_of_another_tenant_is_not_answered(
    bench: Bench, tenant: str, *, allowed: bool
) -> None:
    view = await bench.service.deploy(ENDLESS)
    await bench.until(view.id, "running")
    asker = bench.other_of(tenant)

    for topic in ("galaxy.figures", "galaxy.reports"):
        asked = asker.request(HERE, topic, {"deployment": view.id}, timeout_s=WAIT_S)
        if allowed:
            await asked
        else:
            with pytest.raises(RemoteProtocolError, match="another tenant"):
                await asked


async def test_a_copy_that_names_another_tenant_lets_nobody_ask(bench: Bench) -> None:
    view = await bench.service.deploy(ENDLESS)
    await bench.until(view.id, "running")
    asker = bench.other_of("other")
    fact = next(one for one in asker.facts(f"deployment/{view.id}"))
    forged = cast("dict[str, Value]", fact.value) | {"tenant": "other", "created_by": THERE}
    asker.publish(fact.name, {**forged, "frames_max": 7, "revision": 2})
    await eventually(lambda: bench.service.view(view.id).revision == 2)
    await bench.until(view.id, "running")

    with pytest.raises(RemoteProtocolError, match="another tenant"):
        await asker.request(HERE, "galaxy.figures", {"deployment": view.id}, timeout_s=WAIT_S)


async def test_a_node_reports_of_the_filters_that_it_runs_alone(bench: Bench) -> None:
    lies: dict[str, Value] = {"source": {"a": 1}, "count": {"frames": 7777}, "nobody": {}}
    bench.other.answer("galaxy.reports", lambda _: Reply(lies))
    bench.other.publish("galaxy", Able({"count": ""}).as_value())
    way = Connection.from_values({"from": "source.image", "to": "count.frame", "kind": "weak"})
    filters = {
        "source": FilterSpec("conveyor", {"paced": True}, node=bench.node.name),
        "count": FilterSpec("count", node=bench.other.name),
    }
    view = await bench.service.deploy(Pipeline("two", filters, (way,)))
    nodes, epochs = {"source": HERE, "count": THERE}, {"source": 9, "count": 9}
    placed = Placed(view.id, view.revision, 9, THERE, nodes, epochs)
    bench.other.publish(PLACEMENT + view.id, placed.as_value())
    await eventually(lambda: bench.service.worker_pid(view.id) is not None)

    assert await bench.service.reports(view.id) == {"count": {"frames": 7777}}


async def test_nothing_is_previewed_that_nobody_runs(bench: Bench) -> None:
    view = await bench.service.deploy(one_group(FilterSpec("usb_camera", needs="Moon == 1")))

    with pytest.raises(UnavailableError, match="no node runs it"):
        await bench.service.preview(view.id, "source", 0)


async def test_a_unit_is_never_given_to_a_deployment_and_a_task(
    bench: Bench,
) -> None:
    bench.node.offer("test", (), [Resource("Rocket", "quantity", 1)])
    task = await bench.node.reserve("task/1", 1, {HERE: parse("Rocket = 1")}).held(WAIT_S)
    source = FilterSpec("conveyor", {"paced": True}, needs="Rocket = 1")
    view = await bench.service.deploy(one_group(source))
    await bench.until(view.id, "waiting")
    why = bench.service.view(view.id).reasons["source"]
    assert "Rocket = 1 fails: 0 free" in why
    await task.release()
    await bench.until(view.id, "running")
    with pytest.raises(GrantError, match=f"held by deployment/{view.id}/source"):
        await bench.node.reserve("task/2", 1, {HERE: parse("Rocket = 1")}, may_wait=False).held()
    await bench.service.stop(view.id)
    await bench.node.reserve("task/3", 1, {HERE: parse("Rocket = 1")}).held(WAIT_S)
