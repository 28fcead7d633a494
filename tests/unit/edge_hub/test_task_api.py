"""Tasks as the API tells them, and as consoles see them change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.edge_hub.test_task_window import counted, row

from cantor.base.errors import ConfigError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from edge_hub import task_watch
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse
    from tests.unit.edge_hub.conftest import World

DESK, WALL, STRANGER = (NodeId(letter * 32) for letter in "def")
TASK = f"{DESK}-1-7"


def story(**changes: object) -> dict[str, Any]:
    """Of a task that failed at a node of this project, after one of another had died on it."""
    of = {**row(DESK, 7, 10.0, "failed"), "why": "KeyError: 'x'", "node": WALL, "attempts": 2,
          "started": 11.5, "ended": 12.0, "progress": 0.5, **changes}  # fmt: skip
    died = {"number": 1, "node": STRANGER, "worker": 0, "sent": 10.5, "started": None,
            "ended": 11.0, "end": "died", "why": "its worker was killed by signal 9"}  # fmt: skip
    failed = {"number": 2, "node": WALL, "worker": 4711, "sent": 11.0, "started": 11.5,
              "ended": 12.0, "end": "failed", "why": "KeyError: 'x'"}  # fmt: skip
    return {
        "task": of, "principal": DESK, "mode": "process", "python": "3.12", "retries": 1,
        "at_most_once": False, "deadline_s": 60.0, "progress_text": "half",
        "attempts": [died, failed], "attempts_left_out": 3,
        "error": {"type": "KeyError", "text": "'x'", "traceback": "lines"},
        "output": [[1, "seen\n"], [2, "hm\n"]], "is_output_cut": True,
    }  # fmt: skip


def plant(world: World, *rows: dict[str, Any], more: bool = False) -> None:
    for node, name in ((DESK, "desk"), (WALL, "wall")):
        world.mesh.put(LiveNode(node, "online", name))
    missing = [{"node": WALL, "name": "wall", "why": "no answer in 3 s"}]
    world.tasks.answers = {
        "page": {"rows": list(rows), "more": more, "counts": counted(waits=3), "missing": missing},
        "story": story(),
        "cancel": {"was_open": True, "name": "detect", "row": row(DESK, 7, 10.0, "cancelled")},
    }


async def events(world: World) -> list[tuple[str, str, str]]:
    _, reply = await world.call("GET", "/events")
    items: Any = reply["items"]
    told = [(one["kind"], one["text"], one["subject"]) for one in items]
    return [one for one in told if one[0].startswith("task.")]


async def test_a_page_is_asked_of_all_nodes_of_the_project(world: World) -> None:
    plant(world, row(DESK, 8, 12.0, "runs"), row(STRANGER, 7, 10.0), more=True)

    path = f"/tasks?state=waits,runs&node={WALL}&function=detect&text=x&parent=p&limit=2"
    status, reply = await world.call("GET", path)

    assert status == 200
    items: Any = reply["items"]
    assert [(one["kind"], one["state"], one["home"]["name"]) for one in items] == [
        ("task", "runs", "desk"), ("task", "waits", ""),
    ]  # fmt: skip
    assert reply["counts"] == counted(waits=3)
    assert reply["missing"] == [{"id": WALL, "name": "wall"}]
    ((call, args),) = world.tasks.asked
    assert (call, args) == ("page", {
        "at": "*", "project": "default", "states": ["waits", "runs"], "node": WALL,
        "function": "detect", "text": "x", "parent": "p", "limit": 2, "before": None,
    })  # fmt: skip

    await world.call("GET", f"/tasks?cursor={reply['next']}")
    assert world.tasks.asked[-1][1]["before"] == [10.0, f"{STRANGER}-1-7"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("state=melts", 400, "bad-state"),
        ("node=nobody", 404, "no-such-node"),
        ("limit=0", 400, "bad-limit"),
        ("limit=201", 400, "bad-limit"),
        ("cursor=x", 400, "bad-cursor"),
        ("text=" + "x" * 201, 400, "bad-text"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(
    world: World, query: str, status: int, code: str
) -> None:
    plant(world)

    told, problem = await world.call("GET", f"/tasks?{query}")

    assert (told, problem["type"]) == (status, f"urn:cantor:problem:{code}")
    assert world.tasks.asked == []


async def test_the_story_of_a_task_has_its_attempts_error_and_output(world: World) -> None:
    plant(world)

    status, told = await world.call("GET", f"/tasks/{TASK}")

    assert status == 200
    reply: Any = told
    assert reply["task"]["node"] == {"id": WALL, "name": "wall"}
    died, failed = reply["attempts"]
    assert died["node"] == {"id": None, "name": ""}
    assert (died["end"], died["why"]) == ("died", "its worker was killed by signal 9")
    assert (failed["worker"], failed["started_at"]) == (4711, "1970-01-01T00:00:11.500Z")
    assert reply["error"]["traceback"] == "lines"
    assert reply["output"] == [
        {"stream": "stdout", "text": "seen\n"}, {"stream": "stderr", "text": "hm\n"},
    ]  # fmt: skip
    assert (reply["is_output_cut"], reply["attempts_left_out"]) == (True, 3)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ConfigError("no task is remembered"), 404),
        (story(project="other"), 404),
        (UnavailableError("it cannot be reached from here"), 503),
        (RemoteProtocolError("it belongs to another tenant"), 502),
    ],
)
async def test_a_task_that_cannot_be_told_is_no_task_of_this_project(
    world: World, answer: object, status: int
) -> None:
    plant(world)
    world.tasks.answers["story"] = answer

    for method, path in (("GET", f"/tasks/{TASK}"), ("POST", f"/tasks/{TASK}/cancel")):
        assert (await world.call(method, path))[0] == status
    assert all(call == "story" for call, _ in world.tasks.asked)
    assert await events(world) == []


async def test_numbers_alone_name_no_task(world: World) -> None:
    plant(world)

    assert (await world.call("GET", "/tasks/7"))[0] == 404
    assert world.tasks.asked == []


async def test_a_task_is_cancelled_and_that_is_written_down(world: World) -> None:
    plant(world)

    status, reply = await world.call("POST", f"/tasks/{TASK}/cancel")

    assert (status, reply["state"]) == (200, "cancelled")
    assert world.tasks.asked[-1] == ("cancel", {"task": TASK})
    assert await events(world) == [
        ("task.cancelled", "owner cancelled the task detect", TASK),
    ]  # fmt: skip


async def test_a_task_that_has_ended_is_not_cancelled(world: World) -> None:
    plant(world)
    world.tasks.answers["cancel"] = {"was_open": False, "name": "x", "row": row(DESK, 7, 10.0)}

    status, problem = await world.call("POST", f"/tasks/{TASK}/cancel")

    assert (status, problem["type"]) == (409, "urn:cantor:problem:task-ended")
    assert await events(world) == []


async def test_viewers_look_and_do_not_cancel(stranger: World) -> None:
    await stranger.sign_in("viewer")
    plant(stranger)

    assert (await stranger.call("GET", "/tasks"))[0] == 200
    assert (await stranger.call("GET", f"/tasks/{TASK}"))[0] == 200
    assert (await stranger.call("POST", f"/tasks/{TASK}/cancel"))[0] == 403


def news(
    revision: int, *rows: dict[str, Any], life: int = 1, tasks: int = 1, **states: int
) -> dict[str, Any]:
    """Of the first so many tasks."""
    window = [row(DESK, number + 1, 0.0)["id"] for number in range(tasks)]
    return {"life": life, "revision": revision, "rows": list(rows), "counts": counted(**states),
            "window": window}  # fmt: skip


async def told(socket: ClientWebSocketResponse) -> dict[str, Any]:
    """The next that a console hears of tasks."""
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if message.get("topic") == "tasks":
                return message


def states_in(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["id"]: one["state"] for one in items if one["kind"] == "task"}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes are asked again at once."""
    for name in ("REST_S", "RETRY_S", "LOOK_S"):
        monkeypatch.setattr(task_watch, name, 0.01)


@pytest.mark.usefixtures("hurried")
async def test_consoles_hear_of_what_has_changed_and_nothing_else(world: World) -> None:
    plant(world)
    first, second = row(DESK, 1, 1.0, "runs"), row(DESK, 2, 2.0)
    world.tasks.tell(DESK, news(5, first, second, tasks=2, waits=1, runs=1))
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        assert world.tasks.asked == [], "nobody looks yet"
        await socket.send_json({"type": "subscribe", "topics": ["tasks"]})
        message = await told(socket)
        seen = states_in(message.get("items") or message["upserts"])
        while not seen:
            seen |= states_in((await told(socket))["upserts"])
        assert seen == {first["id"]: "runs", second["id"]: "waits"}
        assert world.tasks.asked[0][1]["since"] == 0

        world.tasks.tell(DESK, news(6, {**first, "state": "done"}, tasks=2, waits=1, done=1))
        message = await told(socket)
        assert message["type"] == "delta"
        assert states_in(message["upserts"]) == {first["id"]: "done"}
        (counts,) = [one for one in message["upserts"] if one["kind"] == "counts"]
        assert (counts["states"], counts["total"]) == (counted(waits=1, done=1), 2)
        asked = [args for call, args in world.tasks.asked if call == "changes"]
        assert (asked[-1]["life"], asked[-1]["since"]) == (1, 6)

        world.tasks.tell(DESK, news(1, row(DESK, 1, 9.0), life=2, waits=1))
        message = await told(socket)
        assert message["removed"] == [second["id"]], "its node has begun anew"


@pytest.mark.usefixtures("hurried")
async def test_nodes_that_do_not_tell_are_named_and_asked_again(world: World) -> None:
    plant(world)
    world.tasks.tell(DESK, UnavailableError("no answer in 3 s"))
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await socket.send_json({"type": "subscribe", "topics": ["tasks"]})

        async def missing() -> list[str]:
            message = await told(socket)
            items = message.get("items") or message["upserts"]
            return [p["name"] for one in items if one["kind"] == "counts" for p in one["missing"]]

        while await missing() != ["desk"]:
            pass
        world.tasks.tell(DESK, news(1, row(DESK, 1, 1.0), waits=1))
        while await missing() != []:
            pass


@pytest.mark.usefixtures("hurried")
async def test_nobody_is_asked_when_nobody_looks_any_more(world: World) -> None:
    plant(world)
    world.tasks.tell(DESK, news(1, row(DESK, 1, 1.0), waits=1))
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await socket.send_json({"type": "subscribe", "topics": ["tasks"]})
        await told(socket)
        await socket.send_json({"type": "subscribe", "topics": ["nodes"]})
        async with asyncio.timeout(10):
            while (await socket.receive_json()).get("topic") != "nodes":
                pass
    count = len(world.tasks.asked)
    world.tasks.tell(DESK, news(2, row(DESK, 1, 1.0, "done"), done=1))
    await world.call("GET", "/session")

    assert len(world.tasks.asked) == count
