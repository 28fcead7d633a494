"""What a node says and its services print, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.node.logs.lines import line_of
from cantor.node.logs.query import query_from
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route
from edge_hub.schemas import rfc3339

if TYPE_CHECKING:
    from cantor.wire.frame import Value
    from edge_hub.fleet import Fleet
    from edge_hub.mesh_view import MeshView

LINES_DEFAULT, LINES_MAX = 200, 1000


class LogLine(msgspec.Struct):
    """One line; ``source`` is ``agent`` or ``service/NAME``."""

    at: str
    level: str
    source: str
    text: str


class NodeLogs(msgspec.Struct):
    """Lines in the order in which they were said.

    ``before`` asks for those before them, and is empty if there are none.
    """

    items: list[LogLine]
    before: str


class LogApi:
    """The last lines of a node, and those before them."""

    def __init__(self, fleet: Fleet, mesh_view: MeshView) -> None:
        self._fleet = fleet
        self._mesh_view = mesh_view

    def routes(self) -> list[Route]:
        """The one operation on logs."""
        return [
            Route("GET", "/nodes/{node_id}/logs", "The last lines of what a node says",
                  self.get_logs, reply=NodeLogs,
                  query=("grep", "level", "source", "lines", "before"),
                  errors=(400, 502, 503)),
        ]  # fmt: skip

    async def get_logs(self, call: Call) -> Reply:
        node_id = call.request.match_info["node_id"]
        await self._fleet.one(call.signed_in.scope, node_id)
        row = await self._mesh_view.logs_of(NodeId(node_id), self._asked(call))
        lines, place = row.get("lines"), row.get("place")
        told = [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
        found = [line for one in told if (line := line_of(one.encode("utf-8", "replace")))]
        items = [LogLine(rfc3339(one.at), one.level, one.source, one.text) for one in found]
        numbers = [one for one in place if type(one) is int] if isinstance(place, list) else []
        before = "" if row.get("is_end") else ".".join(map(str, numbers))
        return Reply(NodeLogs(items, before))

    def _asked(self, call: Call) -> dict[str, Value]:
        told = {name: call.request.query.get(name, "") for name in ("grep", "level", "source")}
        asked: dict[str, Value] = {
            "texts": [told["grep"]] if told["grep"] else [],
            "any_case": True,
            "level": told["level"] or "debug",
            "source": told["source"],
        }
        try:
            query_from(asked)
        except ConfigError as error:
            raise ProblemError(400, "bad-request", str(error)) from error
        lines, before = (call.request.query.get(name, "") for name in ("lines", "before"))
        numbers = before.split(".") if before else []
        for number in (*numbers, *((lines,) if lines else ())):
            if not (number.isascii() and number.isdigit() and len(number) <= 15):
                raise ProblemError(400, "bad-lines", f"lines is a number from 1 to {LINES_MAX}")
        count = max(1, min(int(lines or LINES_DEFAULT), LINES_MAX))
        place: list[Value] | None = [int(number) for number in numbers] or None
        return {**asked, "back": True, "count": count, "place": place}
