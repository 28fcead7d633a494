"""The console's files, with headers that keep other people's scripts out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from edge_hub.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STATIC = Path(__file__).parent / "static"
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Cantor Edge</title>
<body style="font-family: system-ui; max-width: 40rem; margin: 4rem auto; line-height: 1.5">
<h1>The hub is running</h1>
<p>Its web console is not part of this installation. Build it from the source tree with
<code>npm ci &amp;&amp; npm run build</code> in <code>hub/studio</code>, or install a
released wheel. The API is at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>
"""


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give every reply the headers that a browser needs to protect the console.

    It also does not tell strangers which versions of what answer them.
    """
    response.headers["Server"] = "cantor"
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")


def serve_console(folder: Path) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler for the files in ``folder``; unknown pages get the application."""
    root = folder.resolve()

    async def serve(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if path == "api" or path.startswith("api/"):
            raise ProblemError(404, "not-found", f"the API has no {request.path[:200]}")
        if "\0" in path:
            raise ProblemError(400, "bad-request", "the path holds a zero byte")
        file = (root / path).resolve()
        if path and file.is_relative_to(root) and file.is_file():
            hashed = path.startswith("assets/")
            caching = "public, max-age=31536000, immutable" if hashed else "no-cache"
            return web.FileResponse(file, headers={"Cache-Control": caching})
        if "." in path.rpartition("/")[2]:
            raise ProblemError(404, "not-found", f"the console has no file {path[:200]}")
        if (root / "index.html").is_file():
            return web.FileResponse(root / "index.html", headers={"Cache-Control": "no-cache"})
        return web.Response(text=_NOT_BUILT, content_type="text/html")

    return serve
