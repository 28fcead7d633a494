"""A hub that only shows one made-up mesh: the real console over answers that never change."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from edge_hub.console import STATIC, add_security_headers, serve_console

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SITE_NODES = 25
_NAMED = {"id": "default", "name": "default"}
_PAGE: dict[str, Any] = {"items": [], "next": None, "total": 0}
_ANSWERS: dict[str, Any] = {
    "session": {
        "user": {"name": "owner", "role": "owner"},
        "tenant": _NAMED,
        "project": _NAMED,
        "tenants": [_NAMED],
        "projects": [_NAMED],
        "version": "0.1.0",
        "mesh": "plant",
    },
    "overview": {
        "nodes": {"online": 0, "stale": 0, "expired": 0, "offline": 0, "pending": 0},
        "events": [],
    },
    "events": _PAGE,
    "nodes": _PAGE,
    "templates": _PAGE,
    "deployments": _PAGE,
}


def made_mesh(nodes: int, links: int, *, seed: int = 1, cut: int = 0) -> dict[str, Any]:
    """Sites of 25 nodes, each a cluster, joined by slower lines.

    Args:
        nodes: how many there are.
        links: how many there are, at least ``nodes - 1``.
        seed: the same seed makes the same mesh.
        cut: so many of the last nodes cannot be reached: a side of their own.
    """
    chance = random.Random(seed)  # noqa: S311 (a drawing, not a secret)
    ids = [f"{chance.getrandbits(128):032x}" for _ in range(nodes)]
    side = [int(cut > 0 and at >= nodes - cut) for at in range(nodes)]
    pairs: dict[tuple[int, int], bool] = {}
    for at in range(1, nodes):
        first = at - at % SITE_NODES
        low = chance.randrange(first, at) if at > first else chance.randrange(0, at)
        if side[low] == side[at]:
            pairs[low, at] = True
    while len(pairs) < links:
        low = chance.randrange(nodes - 1)
        first = low - low % SITE_NODES
        near = first + chance.randrange(SITE_NODES)
        high = near if chance.random() < 0.93 else chance.randrange(nodes)
        if low < high < nodes and side[low] == side[high]:
            pairs.setdefault((low, high), False)
    items = [_link(ids, side, pair, in_tree, chance) for pair, in_tree in sorted(pairs.items())]
    degree = [sum(ids[at] in item["ends"] for item in items) for at in range(nodes)]
    return {"nodes": [_node(ids, side, degree, at) for at in range(nodes)], "links": items}


def _node(ids: list[str], side: list[int], degree: list[int], at: int) -> dict[str, Any]:
    state = "offline" if side[at] else "denied" if at == 7 else "stale" if at == 11 else "online"
    name = "hub" if at == 0 else f"site-{at // SITE_NODES + 1}-box-{at % SITE_NODES:02}"
    return {
        "kind": "node",
        "id": ids[at],
        "name": name,
        "state": state,
        "part": side[at],
        "degree": degree[at],
        "is_hub": at == 0,
    }


def _link(
    ids: list[str], side: list[int], pair: tuple[int, int], in_tree: bool, chance: random.Random
) -> dict[str, Any]:
    low, high = pair
    is_near = low // SITE_NODES == high // SITE_NODES
    rtt_ms = chance.lognormvariate(0.0 if is_near else 3.2, 0.7)
    ends = sorted((ids[low], ids[high]))
    return {
        "kind": "link",
        "id": "-".join(ends),
        "ends": ends,
        "state": "last_known" if side[low] else "up",
        "in_tree": in_tree,
        "cost": round(1 + rtt_ms / 5, 2),
        "rtt_ms": round(rtt_ms, 2),
        "loss": 0.0,
        "rate_at_least": 125_000_000.0 if is_near else 1_250_000.0,
    }


@asynccontextmanager
async def served(mesh: dict[str, Any]) -> AsyncIterator[str]:
    """The console with this mesh on a free loopback port; the address to open."""

    async def answer(request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if path.startswith("mesh/nodes/"):
            return web.json_response({"items": []})
        return web.json_response(mesh if path == "mesh" else _ANSWERS.get(path, {}))

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                items = [*mesh["nodes"], *mesh["links"]]
                snapshot = {"type": "snapshot", "topic": "mesh", "seq": 1, "items": items}
                await socket.send_json(snapshot)
        return socket

    app = web.Application()
    app.on_response_prepare.append(add_security_headers)
    app.router.add_get("/api/v1/stream", stream)
    app.router.add_get("/api/v1/{path:.*}", answer)
    app.router.add_get("/{path:.*}", serve_console(STATIC))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
