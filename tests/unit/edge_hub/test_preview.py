from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import aiohttp
import pytest

from edge_hub import preview
from edge_hub.pipelines import FakePreview

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp.multipart import MultipartResponseWrapper
    from tests.unit.edge_hub.conftest import World

JPEG = b"\xff\xd8picture\xff\xd9"


@pytest.fixture
async def running(world: World) -> str:
    """The id of a deployment that has taken a picture."""
    _, made = await world.call("POST", "/deployments", {"template": "test-pattern"})
    world.pipelines.show(str(made["id"]), "preview", FakePreview(1, JPEG, 1000.25, {"person": 2}))
    return str(made["id"])


async def _open(world: World, deployment: str) -> aiohttp.ClientResponse:
    url = world.url(f"/deployments/{deployment}/preview/preview")
    reply = await world.browser.get(url)
    assert reply.status == 200, await reply.text()
    return reply


async def _picture(reader: MultipartResponseWrapper) -> aiohttp.BodyPartReader:
    async with asyncio.timeout(5):
        part = await reader.next()
    assert isinstance(part, aiohttp.BodyPartReader)
    return part


async def test_pictures_say_when_they_were_taken_and_what_is_on_them(
    world: World, running: str
) -> None:
    reply = await _open(world, running)
    assert reply.headers["Content-Type"].startswith("multipart/x-mixed-replace;")
    reader = aiohttp.MultipartReader.from_response(reply)

    first = await _picture(reader)
    assert await first.read() == JPEG
    assert float(first.headers["X-Captured-At"]) == 1000.25
    assert json.loads(first.headers["X-Objects"]) == {"person": 2}
    assert first.headers["Content-Type"] == "image/jpeg"
    world.pipelines.show(running, "preview", FakePreview(2, JPEG + b"2", 1000.5))
    second = await _picture(reader)
    assert await second.read() == JPEG + b"2"
    reply.close()


async def test_a_picture_ends_with_its_deployment(world: World, running: str) -> None:
    reply = await _open(world, running)
    async with asyncio.timeout(5):
        await reply.content.readuntil(JPEG)
        await world.call("POST", f"/deployments/{running}/stop")
        rest = await reply.content.read()

    assert rest.endswith(b"--\r\n")
    again = world.url(f"/deployments/{running}/preview/preview")
    async with world.browser.get(again) as refused:
        assert refused.status == 409


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/sign-out", None), ("PATCH", "/session", {"project": "default"})],
)
async def test_a_picture_ends_with_its_session(
    world: World, running: str, method: str, path: str, body: object
) -> None:
    reply = await _open(world, running)
    async with asyncio.timeout(5):
        await reply.content.readuntil(JPEG)
        await world.call(method, path, body)
        await reply.content.read()


async def test_a_session_that_runs_out_ends_its_pictures(world: World, running: str) -> None:
    world.clock.passed_s = world.hub.settings.session_life_s - 0.1
    session_row = "UPDATE sessions SET used_at = used_at + 604800"
    await _execute(world, session_row)

    reply = await _open(world, running)

    async with asyncio.timeout(5):
        await reply.content.read()


async def test_a_slow_viewer_holds_nobody_and_gets_the_newest(world: World, running: str) -> None:
    slow, quick = await _open(world, running), await _open(world, running)
    big = JPEG + b"\0" * 2**20
    reader = aiohttp.MultipartReader.from_response(quick)
    for number in range(2, 42):  # 40 MiB: more than any buffer between the two takes
        world.pipelines.show(running, "preview", FakePreview(number, big, float(number)))
        part = await _picture(reader)
        while float(part.headers["X-Captured-At"]) != number:
            await part.read()
            part = await _picture(reader)
        await part.read()
    behind = aiohttp.MultipartReader.from_response(slow)
    seen: list[float] = []
    while not seen or seen[-1] != 41.0:
        part = await _picture(behind)
        seen.append(float(part.headers["X-Captured-At"]))
        await part.read()

    assert len(seen) < 40
    slow.close()
    quick.close()


async def test_what_is_no_picture_is_not_shown(world: World, running: str) -> None:
    bad = [
        FakePreview(2, b"<html>", 2.0),
        FakePreview(3, JPEG, 3.0, {"a\r\nX-Evil: 1": 1}),
    ]
    reply = await _open(world, running)
    reader = aiohttp.MultipartReader.from_response(reply)
    await (await _picture(reader)).read()
    for picture in bad:
        world.pipelines.show(running, "preview", picture)
        async with asyncio.timeout(5):
            while await world.pipelines.pictures_taken.get() != picture.number:
                pass

    part = await _picture(reader)
    assert float(part.headers["X-Captured-At"]) == 3.0
    assert "X-Evil" not in part.headers
    reply.close()


async def test_there_is_a_bound_on_viewers(
    world: World, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "VIEWERS_MAX", 1)
    reply = await _open(world, running)

    status, problem = await world.call("GET", f"/deployments/{running}/preview/preview")

    assert (status, problem["title"]) == (503, "Too many viewers")
    reply.close()


async def test_there_is_no_picture_of_a_filter_that_is_not_there(
    world: World, running: str
) -> None:
    assert (await world.call("GET", f"/deployments/{running}/preview/nobody"))[0] == 404
    assert (await world.call("GET", "/deployments/none/preview/preview"))[0] == 404


async def _execute(world: World, statement: str) -> None:
    # In a thread: the hub on this loop may hold the lock, and has to go on to give it up.
    await asyncio.to_thread(_execute_at, world.hub.settings.database_path, statement)


def _execute_at(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()
