"""Objects that tasks have as arguments are held while they go on, and let go then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.base.object_ref import ObjectRef
from cantor.node.fake import FakeMesh
from cantor.node.state.wording import Answer, unpack_question
from cantor.node.tasks import object_holds
from cantor.node.tasks.object_holds import ObjectHolds, refs_of

if TYPE_CHECKING:
    from pathlib import Path

ASH = NodeId("a" * 32)


class State:
    """Takes down what it is asked."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[tuple[str, str, float]] = asyncio.Queue()
        self.fails = False

    def ask(self, kind: str, body: bytes, parts: Any) -> Answer:  # noqa: ANN401
        assert (kind, parts) == ("object", ())
        operation, owner, args, _ = unpack_question(body)
        assert operation == "hold"
        seconds = args["s"]
        assert isinstance(seconds, int | float)
        self.said.put_nowait((f"{owner}/{args['k']!s}", str(args["t"]), float(seconds)))
        if self.fails:
            raise UnavailableError("away")
        return Answer()


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def holds(state: State, tmp_path: Path) -> ObjectHolds:
    node = FakeMesh().add(ASH, tmp_path)
    node.services["state"] = state  # type: ignore[assignment]
    return ObjectHolds(node)


async def test_it_is_held_again_and_again_and_let_go(
    holds: ObjectHolds, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_holds, "AGAIN_S", 0.01)
    ref = ObjectRef.fresh(ASH)
    holds.begin(1, f"{ref} nonsense")
    first = await state.said.get()
    state.fails = True
    again = await state.said.get()
    assert first == again == (str(ref), first[1], object_holds.HOLD_S)
    assert await state.said.get() == first, "also if its owner was away"
    holds.end(1)
    holds.end(1)
    while (last := await state.said.get())[2]:
        pass
    assert last == (str(ref), first[1], 0.0)


def test_what_is_no_reference_is_left_out() -> None:
    ref = ObjectRef.fresh(ASH)
    assert refs_of(f"x {ref} {ASH}/ {ref.key}") == [ref]
    assert refs_of("") == []
