"""The services of a project: pushed, shown on their nodes, returned, stopped and removed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import BundleError, ConfigError, ExpressionError
from cantor.bundles import tree
from cantor.node.push.shelf import manifest_in
from cantor.scheduling.needs import beyond, parse
from edge_hub.events import Happening, record
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route
from edge_hub.schemas import rfc3339
from edge_hub.service_schemas import (
    LINES_MAX,
    Service,
    ServiceList,
    ServiceLog,
    ServiceLogs,
    ServiceNode,
    ServicePushed,
    ServiceReturn,
    ServiceRevision,
)
from edge_hub.uploads import read_upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.clock import Clock
    from cantor.bundles.tree import File
    from cantor.services.manifest import Manifest
    from cantor.wire.frame import Value
    from edge_hub.database import Database
    from edge_hub.events import ParamValue, Scope
    from edge_hub.fleet import Fleet
    from edge_hub.schemas import Node
    from edge_hub.service_control import ServiceControl

Row = dict[str, Any]
Nodes = dict[str, tuple["Node", int]]
FIELDS = ("name", "needs", "note", "canary", "hold_s")
LINES_DEFAULT = 200


class ServiceApi:
    """Without ``control`` the hub's node has no services: 503."""

    def __init__(
        self,
        control: ServiceControl | None,
        database: Database,
        fleet: Fleet,
        clock: Clock,
    ) -> None:
        self._given = control
        self._database = database
        self._fleet = fleet
        self._clock = clock
        self.changed: Callable[[], None] = lambda: None

    def routes(self) -> list[Route]:
        """Every operation on services; all may answer 503."""
        one = "/services/{service_name}"
        changed = (409, 422, 502, 503)
        return [
            Route("GET", "/services", "The services, and how they are on their nodes",
                  self.list_services, reply=ServiceList, errors=(503,)),
            Route("POST", "/services", "Push code: a form with an archive or a folder's files",
                  self.push_service, status=201, reply=ServicePushed,
                  errors=(400, 413, 415, *changed)),
            Route("GET", one, "One service", self.get_service, reply=Service, errors=(503,)),
            Route("GET", one + "/logs", "What it printed on its nodes", self.get_service_logs,
                  reply=ServiceLogs, query=("node", "lines"), errors=(422, 502, 503)),
            Route("POST", one + "/return", "Go back to a revision", self.return_service,
                  body=ServiceReturn, reply=Service, errors=changed),
            Route("POST", one + "/stop", "End it on every node, and keep it", self.stop_service,
                  reply=Service, errors=changed),
            Route("POST", one + "/start", "Run it again", self.start_service, reply=Service,
                  errors=changed),
            Route("DELETE", one, "End it, and forget it with its data", self.remove_service,
                  status=204, errors=changed),
        ]  # fmt: skip

    def items(self, scope: Scope, known: Nodes) -> dict[str | int, Service]:
        """The services of a project by name."""
        if self._given is None:
            return {}
        return {str(view["name"]): _service(view, known) for view in self._views(scope)}

    async def list_services(self, call: Call) -> Reply:
        scope = call.signed_in.scope
        known = await self._fleet.all(scope)
        return Reply(ServiceList([_service(view, known) for view in self._views(scope)]))

    async def get_service(self, call: Call) -> Reply:
        return Reply(await self._shown(call, call.request.match_info["service_name"]))

    async def push_service(self, call: Call) -> Reply:
        control, scope = self._control, call.signed_in.scope
        if scope.tenant != control.tenant:
            detail = "the hub's node pushes for its own tenant alone"
            raise ProblemError(409, "other-tenant", detail)
        upload = await read_upload(call.request, FIELDS)
        wish: dict[str, Value] = {**upload.fields, "project": scope.project}
        wish["hold_s"] = _seconds(upload.fields.get("hold_s", ""))
        blob, manifest = await asyncio.to_thread(_packed, upload.files)
        name = upload.fields.get("name") or manifest.name
        self._check_free(scope, name)
        if any(view["name"] == name for view in self._views(scope)):
            wish["needs"] = _beside(upload.fields.get("needs", ""), manifest.needs)
        with tempfile.TemporaryDirectory() as made:
            path = Path(made, "code")
            await asyncio.to_thread(path.write_bytes, blob)
            view = await self._ask("push", **wish, files={"": str(path)})
        number = int(view["revision"]["number"])
        told = {"name": view["name"], "number": number, "by": call.signed_in.user}
        await self._tell(scope, "service.pushed", told)
        return Reply(ServicePushed(view["name"], number, view["warning"]))

    async def get_service_logs(self, call: Call) -> Reply:
        name = self._name(call)
        known = await self._fleet.all(call.signed_in.scope)
        node, text = call.request.query.get("node", ""), call.request.query.get("lines", "")
        if node and node not in known:
            raise ProblemError(404, "no-such-node", f"this project has no node {node[:40]!r}")
        if text and not (text.isascii() and text.isdigit()):
            raise ProblemError(400, "bad-lines", f"lines is a number from 1 to {LINES_MAX}")
        lines = int(text[:6]) if text else LINES_DEFAULT
        told = await self._ask("logs", name=name, node=node, lines=max(1, min(lines, LINES_MAX)))
        return Reply(
            ServiceLogs(
                [
                    ServiceLog(
                        row["node"], known[row["node"]][0].name, row["lines"], "error" in row
                    )
                    for row in told
                    if row["node"] in known
                ]
            )
        )

    async def return_service(self, call: Call) -> Reply:
        name = self._name(call)
        view = await self._ask("return", name=name, revision=call.body.revision)
        told = {"name": name, "to": view["revision"]["note"], "by": call.signed_in.user}
        await self._tell(call.signed_in.scope, "service.returned", told)
        return Reply(await self._shown(call, name))

    async def stop_service(self, call: Call) -> Reply:
        return await self._changed(call, "stop", "service.stopped")

    async def start_service(self, call: Call) -> Reply:
        return await self._changed(call, "start", "service.started")

    async def remove_service(self, call: Call) -> Reply:
        name = self._name(call)
        await self._ask("remove", name=name)
        told = {"name": name, "by": call.signed_in.user}
        await self._tell(call.signed_in.scope, "service.removed", told)
        return Reply()

    async def _changed(self, call: Call, verb: str, kind: str) -> Reply:
        name = self._name(call)
        await self._ask(verb, name=name)
        await self._tell(call.signed_in.scope, kind, {"name": name, "by": call.signed_in.user})
        return Reply(await self._shown(call, name))

    async def _tell(self, scope: Scope, kind: str, params: Mapping[str, ParamValue]) -> None:
        """Write it down, and let every console look."""
        told = Happening(kind, str(params["name"]), params)
        async with self._database.write() as connection:
            await record(connection, scope, told, now=self._clock.wall())
        self.changed()

    async def _shown(self, call: Call, name: str) -> Service:
        scope = call.signed_in.scope
        known = await self._fleet.all(scope)
        view = next((view for view in self._views(scope) if view["name"] == name), None)
        if view is None:
            raise _no_such(name)
        return _service(view, known)

    def _name(self, call: Call) -> str:
        """The service that a call is about, which this project has."""
        name = call.request.match_info["service_name"]
        if all(view["name"] != name for view in self._views(call.signed_in.scope)):
            raise _no_such(name)
        return name

    def _check_free(self, scope: Scope, name: str) -> None:
        others = [one for one in self._of_tenant(scope) if one["project"] != scope.project]
        if any(view["name"] == name for view in others):
            detail = f"another project of this tenant has a service {name[:48]!r}"
            raise ProblemError(409, "name-taken", detail)

    def _views(self, scope: Scope) -> list[Row]:
        return [view for view in self._of_tenant(scope) if view["project"] == scope.project]

    def _of_tenant(self, scope: Scope) -> list[Row]:
        views: list[Row] = list(self._control.views())
        return [view for view in views if view["tenant"] == scope.tenant]

    @property
    def _control(self) -> ServiceControl:
        if self._given is None:
            raise ProblemError(503, "no-services", "the node of this hub has no services")
        return self._given

    async def _ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401 (what that call gives)
        try:
            return await self._control.ask(call, **args)
        except ExpressionError as error:
            detail = f"column {error.column}: {error.what}"
            raise ProblemError(422, "needs-refused", detail) from error
        except (ConfigError, BundleError) as error:
            raise ProblemError(422, "service-refused", error.what) from error


def _no_such(name: str) -> ProblemError:
    return ProblemError(404, "no-such-service", f"this project has no service {name[:48]!r}")


def _beside(needs: str, own: str) -> str:
    """What is asked for beside the code's own needs, which a person sees in those of a revision."""
    try:
        return str(beyond(parse(needs), parse(own)))
    except ExpressionError:
        return needs  # the node says what is wrong


def _packed(files: Mapping[str, File]) -> tuple[bytes, Manifest]:
    """The files as a bundle has them, and what they say of themselves."""
    try:
        manifest = manifest_in(files)
        kept = {n: file for n, file in files.items() if not tree.is_ignored(n, manifest.ignore)}
        blob = tree.pack(kept)
    except (ConfigError, BundleError) as error:
        detail = f"{error.where}: {error.what}" if error.where else error.what
        raise ProblemError(422, "code-refused", detail) from error
    if manifest.requirements:
        detail = "it has requirements: push it with cantor push, which sends wheels along"
        raise ProblemError(422, "code-refused", detail)
    return blob, manifest


def _seconds(text: str) -> float:
    try:
        seconds = float(text or "0")
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise ProblemError(422, "bad-hold", "hold_s is a number of seconds of at most a day")
    return seconds


def _service(view: Row, known: Nodes) -> Service:
    rows = [row for row in view["nodes"] if row["node"] in known]
    names = {node.id: node.name for node, _ in known.values()}
    return Service(
        id=view["name"],
        name=view["name"],
        kind=view["kind"],
        wanted=view["wanted"],
        number=view["number"],
        at=rfc3339(view["at"]),
        why=view["why"],
        canaries=len(view["canaries"]),
        revision=_revision(view["revision"], names),
        past=[_revision(one, names) for one in view["past"]],
        nodes=[_node(row, known[row["node"]][0]) for row in rows],
        elsewhere=len(view["nodes"]) - len(rows),
    )


def _revision(row: Row, names: Mapping[str, str]) -> ServiceRevision:
    return ServiceRevision(
        number=row["number"],
        by=names.get(row["by"], row["by_name"]),
        at=rfc3339(row["at"]),
        bundle=row["bundle"],
        needs=row["needs"],
        note=row["note"],
        is_bad=row["is_bad"],
    )


def _node(row: Row, node: Node) -> ServiceNode:
    return ServiceNode(
        id=node.id,
        name=node.name,
        state=node.state,
        run=row["state"],
        running=row["running"],
        why=row["why"],
        restarts=row.get("restarts", 0),
        is_canary=row["is_canary"],
        is_current=row["is_current"],
        ports=dict(row.get("ports", {})),
    )
