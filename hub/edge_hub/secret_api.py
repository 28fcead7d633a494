"""The secrets of a project: listed, set, given another value and removed. No answer holds one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from edge_hub.events import Happening, record
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route
from edge_hub.schemas import rfc3339
from edge_hub.secret_schemas import NewSecret, Secret, SecretChange, SecretList, SecretNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.base.clock import Clock
    from cantor.wire.frame import Value
    from edge_hub.database import Database
    from edge_hub.events import Scope
    from edge_hub.fleet import Fleet
    from edge_hub.schemas import Node
    from edge_hub.secret_control import SecretControl
    from edge_hub.topics import Topic

Row = dict[str, Any]
Nodes = dict[str, tuple["Node", int]]


class SecretApi:
    """Without ``control`` the hub's node keeps no secrets: 503."""

    def __init__(
        self,
        control: SecretControl | None,
        database: Database,
        fleet: Fleet,
        clock: Clock,
        changed: Callable[[Iterable[Topic]], None],
    ) -> None:
        self._given = control
        self._database = database
        self._fleet = fleet
        self._clock = clock
        self._tell = changed

    def routes(self) -> list[Route]:
        """Every operation on secrets; all may answer 503."""
        one = "/secrets/{secret_name}"
        changed = (409, 422, 502, 503)
        return [
            Route("GET", "/secrets", "The secrets of a project, without their values",
                  self.list_secrets, reply=SecretList, errors=(502, 503)),
            Route("POST", "/secrets", "Set a secret that there is not yet", self.set_secret,
                  status=201, body=NewSecret, reply=Secret, errors=changed),
            Route("PUT", one, "Give a secret another value", self.rotate_secret,
                  body=SecretChange, reply=Secret, errors=changed),
            Route("DELETE", one, "Erase a secret on every node", self.remove_secret, status=204,
                  errors=changed),
        ]  # fmt: skip

    async def list_secrets(self, call: Call) -> Reply:
        scope = call.signed_in.scope
        known = await self._fleet.all(scope)
        return Reply(SecretList([_secret(row, known) for row in await self._rows(scope)]))

    async def set_secret(self, call: Call) -> Reply:
        name = call.body.name
        if call.signed_in.scope.tenant != self._control.tenant:
            detail = "the hub's node keeps secrets of its own tenant alone"
            raise ProblemError(409, "other-tenant", detail)
        if any(row["name"] == name for row in await self._rows(call.signed_in.scope)):
            raise ProblemError(409, "name-taken", f"this project has a secret {name!r} already")
        return await self._changed(call, "set", name, "secret.set", value=call.body.value.encode())

    async def rotate_secret(self, call: Call) -> Reply:
        name = await self._name(call)
        value = call.body.value.encode()
        return await self._changed(call, "rotate", name, "secret.rotated", value=value)

    async def remove_secret(self, call: Call) -> Reply:
        name = await self._name(call)
        await self._changed(call, "remove", name, "secret.removed")
        return Reply()

    async def _changed(self, call: Call, verb: str, name: str, kind: str, **args: Value) -> Reply:
        """Do it, and write down who has done it: never what was given."""
        scope, user = call.signed_in.scope, call.signed_in.user
        row = await self._ask(verb, name=name, project=scope.project, who=user, **args)
        told = Happening(kind, name, {"name": name, "by": user})
        async with self._database.write() as connection:
            await record(connection, scope, told, now=self._clock.wall())
        self._tell(("events",))
        return Reply(_secret(row, await self._fleet.all(scope)))

    async def _name(self, call: Call) -> str:
        """The secret that a call is about, which this project has."""
        name = call.request.match_info["secret_name"]
        if all(row["name"] != name for row in await self._rows(call.signed_in.scope)):
            raise ProblemError(404, "no-such-secret", f"this project has no secret {name[:64]!r}")
        return name

    async def _rows(self, scope: Scope) -> list[Row]:
        if scope.tenant != self._control.tenant:
            return []
        rows: list[Row] = await self._ask("list", project=scope.project)
        return rows

    @property
    def _control(self) -> SecretControl:
        if self._given is None:
            raise ProblemError(503, "no-secrets", "the node of this hub keeps no secrets")
        return self._given

    async def _ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401 (what that call gives)
        try:
            return await self._control.ask(call, **args)
        except ConfigError as error:
            raise ProblemError(422, "secret-refused", error.what) from error


def _secret(row: Row, known: Nodes) -> Secret:
    rows = [one for one in row["nodes"] if one["node"] in known]
    return Secret(
        id=row["name"],
        name=row["name"],
        version=row["version"],
        at=rfc3339(row["at"]),
        who=row["who"],
        by=row["by_name"],
        nodes=[
            SecretNode(
                id=one["node"],
                name=known[one["node"]][0].name,
                state=known[one["node"]][0].state,
                version=one["version"],
                is_current=one["is_current"],
            )
            for one in rows
        ],
        elsewhere=len(row["nodes"]) - len(rows),
    )
