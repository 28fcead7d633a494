from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh, FakeNode
from cantor.node.messages import Messages
from cantor.node.services import Message, Node, Reply
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

LEFT, RIGHT = NodeId("1" * 32), NodeId("2" * 32)


@pytest.fixture
def mesh(tmp_path: Path) -> FakeMesh:
    mesh = FakeMesh()
    mesh.add(LEFT, tmp_path, name="left")
    mesh.add(RIGHT, tmp_path, name="right")
    return mesh


def left(mesh: FakeMesh) -> FakeNode:
    return mesh.nodes[LEFT]


def right(mesh: FakeMesh) -> FakeNode:
    return mesh.nodes[RIGHT]


async def test_a_message_reaches_the_handler_of_its_topic(mesh: FakeMesh) -> None:
    got: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    node: Node = right(mesh)
    node.on_message("news", got.set_result)

    assert left(mesh).send(RIGHT, "news", {"n": 1}, (b"body",))

    message = await got
    assert (message.source, message.headers, message.body) == (LEFT, {"n": 1}, (b"body",))


async def test_a_request_brings_the_answer_back(mesh: FakeMesh) -> None:
    async def double(message: Message) -> Reply:
        number = message.headers["n"]
        assert isinstance(number, int)
        return Reply({"n": 2 * number})

    right(mesh).answer("double", double)

    answers = await asyncio.gather(
        *(left(mesh).request(RIGHT, "double", {"n": n}) for n in range(5))
    )

    assert [answer.headers["n"] for answer in answers] == [0, 2, 4, 6, 8]


async def test_a_refusal_says_why(mesh: FakeMesh) -> None:
    async def refuse(_: Message) -> Reply:
        raise ConfigError("there is no such pipeline", where="p1")

    right(mesh).answer("stop", refuse)

    with pytest.raises(RemoteProtocolError, match="p1: there is no such pipeline"):
        await left(mesh).request(RIGHT, "stop")


async def test_a_bug_in_an_answer_is_a_refusal_without_its_insides(mesh: FakeMesh) -> None:
    async def fail(_: Message) -> Reply:
        raise KeyError("secret")

    right(mesh).answer("fail", fail)

    with pytest.raises(RemoteProtocolError, match="its log says why") as raised:
        await left(mesh).request(RIGHT, "fail")
    assert "secret" not in str(raised.value)


async def test_a_topic_that_nobody_answers_is_refused(mesh: FakeMesh) -> None:
    with pytest.raises(RemoteProtocolError, match="does not answer that"):
        await left(mesh).request(RIGHT, "nothing")


async def test_no_path_and_no_answer_are_told_apart(mesh: FakeMesh) -> None:
    never = asyncio.Event()

    async def hang(_: Message) -> Reply:
        await never.wait()
        return Reply()

    right(mesh).answer("hang", hang)
    with pytest.raises(UnavailableError, match="no answer in 0 s"):
        await left(mesh).request(RIGHT, "hang", timeout_s=0.0)

    mesh.kill(RIGHT)
    with pytest.raises(UnavailableError, match="no path"):
        await left(mesh).request(RIGHT, "hang")
    assert mesh.lost == 1
    await right(mesh).messages.close()


async def test_who_waits_for_a_node_that_is_lost_hears_so_at_once(mesh: FakeMesh) -> None:
    asked = asyncio.Event()

    async def hang(_: Message) -> Reply:
        asked.set()
        await asyncio.Event().wait()
        return Reply()

    right(mesh).answer("hang", hang)
    waiting = asyncio.ensure_future(left(mesh).request(RIGHT, "hang", timeout_s=1000.0))
    await asked.wait()

    mesh.kill(RIGHT)

    with pytest.raises(UnavailableError, match="lost meanwhile"):
        await waiting
    await right(mesh).messages.close()


async def test_an_answer_from_another_node_than_the_one_asked_is_ignored(mesh: FakeMesh) -> None:
    async def impostor(message: Message) -> Reply:
        said: dict[str, Value] = {"t": "who", "a": 1 << 40, "h": {"n": "forged"}}
        forged = DataFrame(Kind.DATA, NodeId("3" * 32), LEFT, headers=said)
        left(mesh).messages.delivered(forged)
        return Reply({"n": "true"})

    right(mesh).answer("who", impostor)

    answer = await left(mesh).request(RIGHT, "who")

    assert answer.headers == {"n": "true"}


async def test_a_late_answer_to_a_former_life_answers_nothing_in_this_one() -> None:
    sent: list[DataFrame] = []

    def post(frame: DataFrame) -> str:
        sent.append(frame)
        return ""

    for epoch in (1, 2):
        messages = Messages(LEFT, epoch, post)
        with pytest.raises(UnavailableError, match="no answer"):
            await messages.request(RIGHT, "slow", {}, (), timeout_s=0.0, priority=1)

    first, second = (frame.headers["q"] for frame in sent if "q" in frame.headers)
    assert first != second


async def test_one_number_is_answered_once_however_often_it_is_asked(mesh: FakeMesh) -> None:
    asked = 0
    go_on = asyncio.Event()

    async def hang(_: Message) -> Reply:
        nonlocal asked
        asked += 1
        await go_on.wait()
        return Reply()

    right(mesh).answer("hang", hang)
    for _ in range(3):
        question: dict[str, Value] = {"t": "hang", "h": {}, "q": 1}
        right(mesh).messages.delivered(DataFrame(Kind.DATA, LEFT, RIGHT, headers=question))
        await asyncio.sleep(0)

    assert asked == 1
    await right(mesh).messages.close()


async def test_one_node_leaves_others_as_many_answers_as_it_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cantor.node.messages.ANSWERING_MAX", 8)
    asked: list[NodeId] = []
    go_on = asyncio.Event()
    other = NodeId("3" * 32)

    async def hang(_: Message) -> Reply:
        await go_on.wait()
        return Reply()

    def late(message: Message) -> asyncio.Future[Reply]:
        asked.append(message.source)
        return asyncio.ensure_future(hang(message))

    messages = Messages(RIGHT, 1, lambda _: "")
    messages.answer("hang", late)
    for source in (LEFT, other):
        for number in range(9):
            question: dict[str, Value] = {"t": "hang", "h": {}, "q": number}
            messages.delivered(DataFrame(Kind.DATA, source, RIGHT, headers=question))
    assert (asked.count(LEFT), asked.count(other)) == (4, 2)

    go_on.set()
    await asyncio.gather(*messages._answering.values())
    await asyncio.sleep(0)
    messages.delivered(DataFrame(Kind.DATA, LEFT, RIGHT, headers={"t": "hang", "h": {}, "q": 9}))
    assert asked.count(LEFT) == 5
    await messages.close()


async def test_a_bug_in_a_handler_does_not_reach_the_link_that_brought_the_message(
    mesh: FakeMesh, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Message) -> None:
        raise KeyError("epoch")

    right(mesh).on_message("news", fail)

    right(mesh).messages.delivered(
        DataFrame(Kind.DATA, LEFT, RIGHT, headers={"t": "news", "h": {}})
    )

    assert "a message was not taken" in caplog.text


@pytest.mark.parametrize(
    "headers", [{}, {"t": 1, "h": {}}, {"t": "x"}, {"t": "x", "h": [], "q": 1}]
)
async def test_messages_out_of_shape_are_left_alone(
    mesh: FakeMesh, headers: dict[str, int]
) -> None:
    got: list[Message] = []
    left(mesh).on_message("x", got.append)

    left(mesh).messages.delivered(DataFrame(Kind.DATA, RIGHT, LEFT, headers=dict(headers)))

    assert got == []


async def test_a_node_that_closes_ends_what_has_not_begun_and_begins_no_more() -> None:
    said: list[DataFrame] = []
    begun: list[Message] = []

    async def late(message: Message) -> Reply:
        begun.append(message)
        return Reply()

    def post(frame: DataFrame) -> str:
        said.append(frame)
        return ""

    messages = Messages(RIGHT, 1, post)
    messages.answer("late", late)
    about: dict[str, Value] = {"t": "late", "h": {}}
    messages.delivered(DataFrame(Kind.DATA, LEFT, RIGHT, headers={**about, "q": 1}))

    await messages.close()
    messages.delivered(DataFrame(Kind.DATA, LEFT, RIGHT, headers={**about, "q": 2}))
    await asyncio.sleep(0)
    gc.collect()  # a coroutine that nobody ended complains here

    assert (begun, said, messages._answering) == ([], [], {})
