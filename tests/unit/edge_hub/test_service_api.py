"""Services as the API tells them, and what a push makes of an archive or a folder's files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from cantor.base.errors import ConfigError, UnavailableError
from cantor.base.ids import NodeId
from cantor.bundles import tree
from edge_hub import uploads
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World

HUB, BOX, STRANGER = (NodeId(letter * 32) for letter in "123")
FILES = {"counter/main.py": b"print('ready')\n", "counter/service.yaml": b"name: counter\n"}


def revision(number: int, note: str = "", *, is_bad: bool = False) -> dict[str, Any]:
    return {
        "number": number, "by": HUB, "bundle": "a" * 64, "needs": "", "at": 9.0, "note": note,
        "is_bad": is_bad, "by_name": "hub",
    }  # fmt: skip


def report(node: NodeId, state: str, running: int, why: str = "") -> dict[str, Any]:
    return {
        "node": node, "name": "x", "is_alive": True, "is_canary": node == BOX, "is_current": True,
        "state": state, "running": running, "why": why, "restarts": 2, "ports": {"web": 8080},
    }  # fmt: skip


def plant(world: World, **changes: object) -> dict[str, Any]:
    """A service on the hub's node, on a box, and on a node of another project."""
    for node in (HUB, BOX):
        world.mesh.put(LiveNode(node, "online", f"box-{node[0]}"))
    view: dict[str, Any] = {
        "tenant": world.authority.tenant, "name": "counter", "project": "default", "number": 2,
        "kind": "service", "wanted": "running", "at": 10.0, "by": HUB, "why": "", "canaries": [BOX],
        "revision": revision(2, "faster"), "past": [revision(1)],
        "nodes": [
            report(HUB, "waiting", 1), report(BOX, "trial", 2), report(STRANGER, "running", 2),
        ],
        **changes,
    }  # fmt: skip
    world.services.shown = [view]
    world.services.answers["push"] = {**view, "warning": ""}
    return view


async def pushed(world: World, parts: dict[str, bytes], **fields: str) -> tuple[int, Any]:
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)  # as browsers do
    for name, value in fields.items():
        form.add_field(name, value)
    for path, content in parts.items():
        form.add_field("file", content, filename=path, content_type="application/octet-stream")
    sent = world.browser.post(world.url("/services"), data=form, headers=world.unsafe)
    async with sent as reply:
        return reply.status, await reply.json(content_type=None)


async def events(world: World) -> list[tuple[str, str]]:
    _, reply = await world.call("GET", "/events")
    items: Any = reply["items"]
    return [(one["kind"], one["text"]) for one in items if one["kind"].startswith("service.")]


async def test_services_are_told_with_their_state_on_the_project_s_nodes(world: World) -> None:
    plant(world)

    _, reply = await world.call("GET", "/services")
    items: Any = reply["items"]
    [found] = items

    assert [found[key] for key in ("id", "number", "canaries", "elsewhere")] == ["counter", 2, 1, 1]
    nodes = found["nodes"]
    assert [(one["name"], one["run"], one["running"], one["is_canary"]) for one in nodes] == [
        ("box-1", "waiting", 1, False), ("box-2", "trial", 2, True),
    ]  # fmt: skip
    assert found["nodes"][1]["ports"] == {"web": 8080}
    assert (found["revision"]["note"], found["past"][0]["number"]) == ("faster", 1)
    assert (await world.call("GET", "/services/counter"))[1] == found


async def test_services_of_other_projects_and_tenants_are_not_told(world: World) -> None:
    plant(world, project="other")
    assert (await world.call("GET", "/services"))[1]["items"] == []
    status, problem = await world.call("GET", "/services/counter")
    assert (status, problem["type"]) == (404, "urn:cantor:problem:no-such-service")
    assert (await pushed(world, FILES))[0] == 409
    plant(world, tenant="other")
    assert (await world.call("DELETE", "/services/counter"))[0] == 404
    assert not world.services.asked


async def test_a_folder_s_files_are_pushed_and_that_is_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(world)
    taken: list[Any] = []
    ask = world.services.ask

    async def look(call: str, **args: Any) -> Any:  # noqa: ANN401
        taken.append(tree.unpack(Path(args["files"][""]).read_bytes()))  # noqa: ASYNC240
        return await ask(call, **args)

    monkeypatch.setattr(world.services, "ask", look)
    told = {"name": "counter", "needs": "GPU = 1", "canary": "10%", "hold_s": "2.5", "note": "new"}
    status, reply = await pushed(world, {**FILES, "counter/.env": b"secret"}, **told)

    assert (status, reply) == (201, {"name": "counter", "number": 2, "never": ""})
    assert {path: file.content for path, file in taken[0].items()} == {
        "main.py": FILES["counter/main.py"], "service.yaml": FILES["counter/service.yaml"],
    }  # fmt: skip
    [(call, args)] = world.services.asked
    wanted = {"name": "counter", "needs": "GPU = 1", "canary": "10%", "hold_s": 2.5, "note": "new"}
    assert (call, {**args, "files": {}}) == ("push", {**wanted, "project": "default", "files": {}})
    assert await events(world) == [("service.pushed", "owner pushed counter: revision 2")]


async def test_what_a_push_ignores_an_upload_ignores_as_well(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(world)
    kept: list[set[str]] = []
    ask = world.services.ask

    async def look(call: str, **args: Any) -> Any:  # noqa: ANN401
        kept.append(set(tree.unpack(Path(args["files"][""]).read_bytes())))  # noqa: ASYNC240
        return await ask(call, **args)

    monkeypatch.setattr(world.services, "ask", look)
    ignoring = {"counter/service.yaml": b"name: counter\nignore: [data/raw]\n"}
    await pushed(world, {**FILES, **ignoring, "counter/data/raw/x.bin": b"1"})

    assert kept == [{"main.py", "service.yaml"}]


async def test_pushing_again_takes_what_the_code_takes_once(world: World) -> None:
    plant(world)
    taking = {"counter/service.yaml": b"name: counter\nneeds: USBCamera = 1\n"}

    status, _ = await pushed(
        world, {**FILES, **taking}, name="counter", needs='USBCamera = 1 and label.site == "north"'
    )

    assert status == 201
    [(_, args)] = world.services.asked
    assert args["needs"] == 'label.site == "north"'  # the node adds what the code says


async def test_an_archive_is_pushed(world: World) -> None:
    plant(world)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in FILES.items():
            archive.writestr(path, content)

    status, _ = await pushed(world, {"counter.zip": made.getvalue()})

    assert status == 201


@pytest.mark.parametrize(
    ("parts", "fields", "status", "why"),
    [
        ({"counter.zip": b"nonsense"}, {}, 422, "an archive that cannot be read"),
        ({"notes.txt": b""}, {}, 422, "has neither service.yaml nor main.py"),
        ({"main.py": b"", "service.yaml": b"wrong: 1"}, {}, 422, "service.yaml:1: unknown key"),
        ({"main.py": b"", "service.yaml": b"requirements: [a]"}, {}, 422, "it has requirements"),
        ({"main.py": b"", "../evil": b""}, {}, 422, "leads out of its folder"),
        ({"main.py": b""}, {"hold_s": "soon"}, 422, "hold_s is a number"),
        ({"main.py": b""}, {"role": "owner"}, 400, "the form has no part 'role'"),
        ({}, {"name": "counter"}, 400, "the form holds no file"),
    ],
)
async def test_what_cannot_be_pushed_is_refused_with_why(
    world: World, parts: dict[str, bytes], fields: dict[str, str], status: int, why: str
) -> None:
    plant(world)

    found, problem = await pushed(world, parts, **fields)

    assert (found, why in problem["detail"]) == (status, True), problem
    assert not world.services.asked


async def test_an_upload_is_bounded_and_must_be_a_form(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(world)
    monkeypatch.setattr(uploads, "TREE_BYTES_MAX", 1000)
    assert (await pushed(world, {"main.py": bytes(600), "more.py": bytes(600)}))[0] == 413
    assert (await world.call("POST", "/services", {"name": "x"}))[0] == 415


async def test_what_the_node_refuses_or_cannot_do_is_told(world: World) -> None:
    plant(world)
    world.services.answers["push"] = ConfigError("not a number of nodes: 'x'", where="canary")
    status, problem = await pushed(world, FILES)
    assert (status, problem["detail"]) == (422, "not a number of nodes: 'x'")
    world.services.answers["return"] = UnavailableError("the disk is full", where="/secret")
    status, problem = await world.call("POST", "/services/counter/return", {})
    assert (status, "secret" in str(problem)) == (503, False)
    assert not await events(world)


async def test_a_service_is_returned_stopped_started_and_removed_and_who_did_it_is_written_down(
    world: World,
) -> None:
    plant(world)
    world.services.answers["return"] = {"revision": revision(3, "return to 1")}

    assert (await world.call("POST", "/services/counter/return", {"revision": 1}))[0] == 200
    assert (await world.call("POST", "/services/counter/stop"))[0] == 200
    assert (await world.call("POST", "/services/counter/start"))[0] == 200
    assert (await world.call("DELETE", "/services/counter"))[0] == 204

    name = {"name": "counter"}
    assert world.services.asked == [
        ("return", {**name, "revision": 1}), ("stop", name), ("start", name), ("remove", name),
    ]  # fmt: skip
    assert [text for _, text in await events(world)] == [
        "owner removed the service counter",
        "owner started the service counter",
        "owner stopped the service counter",
        "owner changed counter: return to 1",
    ]


async def test_logs_are_those_of_the_project_s_nodes(world: World) -> None:
    plant(world)
    world.services.answers["logs"] = [
        {"node": BOX, "name": "x", "lines": ["ready"]},
        {"node": HUB, "name": "x", "lines": [], "error": "no answer from 10.0.0.7"},
        {"node": STRANGER, "name": "x", "lines": ["secret"]},
    ]

    _, reply = await world.call("GET", "/services/counter/logs?lines=20")

    assert reply["items"] == [
        {"node": BOX, "name": "box-2", "lines": ["ready"], "missing": False},
        {"node": HUB, "name": "box-1", "lines": [], "missing": True},
    ]
    assert world.services.asked == [("logs", {"name": "counter", "node": "", "lines": 20})]
    assert (await world.call("GET", f"/services/counter/logs?node={STRANGER}"))[0] == 404
    for lines in ("-1", "123456x", "two"):
        assert (await world.call("GET", f"/services/counter/logs?lines={lines}"))[0] == 400


async def test_a_viewer_reads_and_changes_nothing(stranger: World) -> None:
    plant(stranger)
    await stranger.sign_in("viewer")

    assert (await stranger.call("GET", "/services/counter"))[0] == 200
    assert (await pushed(stranger, FILES))[0] == 403
    for path in ("return", "stop", "start"):
        assert (await stranger.call("POST", f"/services/counter/{path}", {}))[0] == 403
    assert (await stranger.call("DELETE", "/services/counter"))[0] == 403
    assert not stranger.services.asked


async def test_consoles_see_services_as_they_change(world: World) -> None:
    view = plant(world)
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await socket.receive_json(timeout=10)
        await socket.send_json({"type": "subscribe", "topics": ["services"]})
        message: Any = {}
        while message.get("topic") != "services":
            message = await socket.receive_json(timeout=10)
        assert [one["id"] for one in message["items"]] == ["counter"]

        view["wanted"] = "stopped"
        await world.call("POST", "/services/counter/stop")

        message = await socket.receive_json(timeout=10)
        assert (message["type"], message["upserts"][0]["wanted"]) == ("delta", "stopped")
