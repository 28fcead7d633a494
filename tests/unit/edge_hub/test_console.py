from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World


async def _get(world: World, path: str) -> tuple[int, str, dict[str, str]]:
    async with world.browser.get(world.origin + path) as reply:
        return reply.status, await reply.text(), dict(reply.headers)


async def test_a_hub_without_a_console_says_so_kindly(stranger: World) -> None:
    status, text, headers = await _get(stranger, "/")

    assert status == 200
    assert "The hub is running" in text
    assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_are_the_application_and_files_are_files(stranger: World) -> None:
    folder = stranger.hub.settings.data / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>app</title>")
    (folder / "assets" / "a1.js").write_text("1")

    assert "app" in (await _get(stranger, "/nodes/42"))[1]
    status, _, headers = await _get(stranger, "/assets/a1.js")
    assert status == 200
    assert "immutable" in headers["Cache-Control"]
    assert (await _get(stranger, "/assets/gone.js"))[0] == 404


async def test_files_outside_the_console_are_out_of_reach(stranger: World) -> None:
    (stranger.hub.settings.data / "static").mkdir()
    for path in ("/%2e%2e/server.pem", "/..%2fserver.pem", "/a/..%2f..%2fserver.pem"):
        status, text, _ = await _get(stranger, path)
        assert status == 404, path
        assert "PRIVATE" not in text


async def test_health_needs_no_session(stranger: World) -> None:
    assert (await _get(stranger, "/healthz"))[:2] == (200, '{"status":"ok"}')
