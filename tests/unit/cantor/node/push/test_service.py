"""What a node does about orders beside running code: it keeps looking, tells little, says no."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.node.push.boxes import CALM, IDS, Boxes

from cantor.base.errors import LocalProtocolError, UnavailableError
from cantor.node.bundles.service import Bundles
from cantor.node.push import telling
from cantor.node.push.local import LocalService
from cantor.node.push.service import Push
from cantor.services.orders import KIND, Key, first_order
from cantor.services.reports import report_fact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.push.book import Entry
    from cantor.wire.frame import Value

KEY = Key("default", "counter")
HOUR_S = 3600.0


@pytest.fixture
async def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Boxes]:
    made = Boxes(tmp_path, monkeypatch)
    for name in ("ash", "birch", "cedar"):
        await made.start(name)
    yield made
    await made.close()


async def test_each_node_tells_of_a_push_that_goes_well_twice(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every node hears it, so that each report costs as much as there are nodes."""
    told: Counter[tuple[NodeId, str]] = Counter()
    write = boxes.mesh.write

    def written(owner: NodeId, name: str, value: Value) -> None:
        if name == report_fact(KEY) and isinstance(value, dict):
            told[owner, str(value["state"])] += 1
        write(owner, name, value)

    monkeypatch.setattr(boxes.mesh, "write", written)
    monkeypatch.setattr(telling, "PASSING_S", HOUR_S)  # it may take long on a busy machine
    now = LocalService._now

    await boxes.push("ash", CALM, "health: {hold: 60s}\n")
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("trial", 1)))
    monkeypatch.setattr(LocalService, "_now", lambda self: now(self) + HOUR_S)
    for push in boxes.pushes.values():
        push._local[KEY]._tick()
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 1)))

    assert told == {(node, state): 1 for node in IDS[:3] for state in ("trial", "running")}


async def test_a_node_without_bundles_says_so(boxes: Boxes, tmp_path: Path) -> None:
    node = boxes.mesh.nodes[IDS[0]]
    services = node.services
    node.services = {}
    try:
        with pytest.raises(UnavailableError, match="has no bundles"):
            _ = Push(node).bundles
    finally:
        node.services = services
    assert isinstance(boxes.pushes["ash"].bundles, Bundles)


async def test_a_node_that_holds_too_many_orders_says_what_to_do(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = boxes.mesh.nodes[IDS[0]]

    publish = node.publish

    def full(name: str, value: Value, *, lasting: bool = False) -> None:
        if name == KEY.fact:
            raise LocalProtocolError("too many facts")
        publish(name, value, lasting=lasting)

    with monkeypatch.context() as patch:
        patch.setattr(node, "publish", full)
        with pytest.raises(UnavailableError, match="cantor service remove"):
            await boxes.push("ash", CALM)
    assert boxes.pushes["ash"].orders() == {}


async def test_a_look_that_fails_is_not_the_last_one(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[str] = []
    push = boxes.pushes["birch"]
    look = push._book.look

    def failing() -> dict[Key, Entry]:
        if not failures:
            failures.append("x")
            raise ValueError("odd")
        return look()

    monkeypatch.setattr(push._book, "look", failing)

    await boxes.push("ash", CALM, needs='label.site == "birch"')

    await boxes.until("ash", birch=("running", 1))
    assert failures
    assert "services could not be kept" in caplog.text


async def test_what_another_tenant_has_ordered_is_kept_for_it_and_not_run(boxes: Boxes) -> None:
    other = Key("visitors", "counter")
    order = first_order(other, IDS[3], "0" * 64, "", 1.0)
    push = boxes.pushes["ash"]

    push._book.believe(order, boxes.mesh.nodes[IDS[0]].words.say(KIND, order.content()))
    await push._look()

    assert other in push.orders()
    assert push.local(other) is None
    assert push.last_number(other) == order.number
    assert push.last_number(KEY) == 0


async def test_a_removed_service_is_remembered_and_not_shown(boxes: Boxes) -> None:
    await boxes.push("ash", CALM, needs='label.site == "birch"')
    await boxes.until("ash", birch=("running", 1))

    await boxes.call("cedar", "service.remove", name="counter")

    await boxes.until_true(lambda: boxes.alive("birch") == [])
    await boxes.until_true(lambda: not any(push.views() for push in boxes.pushes.values()))
    assert boxes.pushes["ash"].orders()[KEY].wanted == "removed"
    await boxes.until_true(lambda: boxes.pushes["birch"].local(KEY) is None)
