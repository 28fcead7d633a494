"""The part of one deployment that runs on this node: its worker, kept as the keeper wants it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, ConfigError, RemoteProtocolError, UnavailableError
from galaxy.deployments.beside import BESIDE, Ends, ends_of, may_say, routes_of
from galaxy.deployments.closed import ClosedGroups
from galaxy.deployments.figures import with_closed
from galaxy.deployments.judge import with_files
from galaxy.deployments.pauses import Pauses
from galaxy.deployments.records import ERROR_LENGTH_MAX, GroupRun
from galaxy.deployments.secrets import GroupSecrets
from galaxy.deployments.units import Units
from galaxy.deployments.workers import ASK_TIMEOUT_S, WorkerListener, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.wire.frame import Buffer, Value
    from cantor.workers.sandbox.levels import Level
    from galaxy.deployments.judge import Judge
    from galaxy.deployments.keeper import LocalRun
    from galaxy.deployments.records import RunState

    Headers = dict[str, Value]

REPORT_TIMEOUT_S = 10.0
ENDED = ("finished", "failed", "stopped")
_log = logging.getLogger(__name__)


class LocalDeployment:
    """Tells worker processes what to run, and keeps what they say: one for all groups of our own
    filters, and one for each group that is closed in.

    ``changed`` is called after each change of state; ``post`` takes a message to another node. A
    run that was lost (its process was killed; or it failed after it had run, and its sources are
    live) is told to be *stopped* after a pause that doubles: the keeper then gives it a new epoch.
    """

    def __init__(
        self,
        deployment: str,
        changed: Callable[[], None],
        post: Callable[[NodeId, Headers, tuple[Buffer, ...]], None],
        judge: Judge,
        node: Node,
    ) -> None:
        self._judge = judge
        self._levels: dict[str, Level] = {}
        """How closed each group is, as long as its run goes on."""
        self._ends: dict[str, Ends] = {}
        self._closed = ClosedGroups(node, self._listener_of, self._is_gone)
        self._units = Units(
            node, deployment, begin=self._begin, wait=self._waits, give_up=self._gives_up
        )
        self._secrets = GroupSecrets(
            node, deployment, begin=self._begin, wait=self._waits, changed=self._has_new_secret
        )
        self._last: LocalRun | None = None
        self.deployment = deployment
        self._node = node
        self._changed = changed
        self._post = post
        self._begins_anew = False
        self._revision = 0
        self._pauses = Pauses(self._lose)
        self._worker: WorkerProcess | None = None
        self._told: dict[str, int] = {}
        self._routes: dict[str, list[Value]] = {}
        self._states: dict[str, GroupRun] = {}
        self._last_figures: Headers = {}
        self._last_reports: Headers = {}

    @property
    def groups(self) -> tuple[GroupRun, ...]:
        """What is known of the groups that run here, or ran."""
        return tuple(self._states[leader] for leader in sorted(self._states))

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, while there is one."""
        return self._worker.pid if self._worker else None

    async def apply(self, run: LocalRun) -> None:
        """Run these groups, with these routes, and no others; each when its units are held."""
        self._last = run
        if run.deployment.revision != self._revision:
            await self._begin_revision(run)
        for leader, epoch in run.groups.items():
            past = run.past.get(leader)
            if leader not in self._told and past is not None and past.epoch == epoch:
                self._told[leader] = epoch  # of a former life of this agent
                self._states[leader] = past if past.state in ENDED else past.ended()
        self._end_others(run)
        fresh = {name: run.groups[name] for name in run.groups if self._is_new(name, run)}
        for leader in fresh:
            level = self._judge.level_of(run.deployment, run.pipeline, run.filters[leader])
            self._levels[leader] = level
        opened = {name: fresh[name] for name in fresh if not self._is_closed(name)}
        if opened and self._worker is None:
            await self._start_worker(opened)
        self._ends = ends_of(run)
        self._tell_routes(run)
        for leader in fresh:
            if self._worker is not None or leader not in opened:
                self._prepare(leader, run)
        if not run.groups and (self._worker is not None or any(self._closed)):
            await self.close()

    async def figures(self) -> Headers:
        """The figures of the groups here; the last known ones once they have ended."""
        if self._worker is not None:
            try:
                self._last_figures, _ = await self._worker.ask("figures")
            except UnavailableError as error:
                _log.info("no figures", extra={"reason": str(error)})
        closed = list(self._closed)
        said = await asyncio.gather(*map(self._closed_figures, closed))
        of_closed = dict(zip(closed, said, strict=True))
        own = self._last.filters if self._last else {}
        return with_closed(self._last_figures, of_closed, own) if closed else self._last_figures

    async def _closed_figures(self, leader: str) -> Headers:
        try:
            return (await self._closed.ask(leader, "figures", timeout_s=ASK_TIMEOUT_S))[0]
        except UnavailableError as error:
            _log.info("no figures", extra={"reason": str(error)})
            return {}

    async def reports(self) -> Headers:
        """What the filters here said at their end."""
        if self._worker is not None:
            self._last_reports, _ = await self._worker.ask("reports", timeout_s=REPORT_TIMEOUT_S)
        reports = dict(self._last_reports)
        for leader in self._closed:
            said, _ = await self._closed.ask(leader, "reports", timeout_s=REPORT_TIMEOUT_S)
            own = self._last.filters.get(leader, ()) if self._last else ()
            reports.update((name, told) for name, told in said.items() if name in own)
        return reports

    async def preview(
        self, filter_name: str, after: int, timeout_s: float
    ) -> tuple[Headers, tuple[Buffer, ...]]:
        """The newest preview of a filter, once there is one with another number than ``after``.

        Raises:
            UnavailableError: there is none in time, or nothing runs here.
        """
        asked: Headers = {"filter": filter_name, "after": after}
        filters = self._last.filters if self._last else {}
        leader = next((one for one in self._closed if filter_name in filters.get(one, ())), None)
        if leader is not None:
            return await self._closed.ask(leader, "preview", asked, timeout_s=timeout_s)
        if self._worker is None:
            raise UnavailableError("it does not run on this node now", where=filter_name)
        return await self._worker.ask("preview", asked, timeout_s=timeout_s)

    def edge_arrived(self, source: NodeId, headers: Headers, body: tuple[Buffer, ...]) -> None:
        """Hand on a message of an edge from another node."""
        self._hand_on({**headers, "from": source}, body)

    async def close(self) -> None:
        """End the workers."""
        self._pauses.close()
        worker, self._worker = self._worker, None
        self._told.clear()
        self._routes.clear()
        if worker is not None:
            await worker.close()
        await self._closed.close()
        await self._secrets.close()
        self._levels.clear()
        self._units.give_back_all()

    async def _begin_revision(self, run: LocalRun) -> None:
        await self.close()
        self._revision = run.deployment.revision
        self._begins_anew = self._judge.is_live(run.pipeline)
        self._states = dict(run.past)
        self._pauses.forget()

    def _end_others(self, run: LocalRun) -> None:
        for leader in [leader for leader in self._told if leader not in run.groups]:
            if self._is_waiting(leader, self._told[leader]):
                self._secrets.drop(leader)
                self._units.give_back(leader, self._told.pop(leader))
                self._states[leader] = self._states[leader].ended()
            elif self._stop(leader):
                self._secrets.drop(leader)
                del self._told[leader]
                self._states[leader] = self._states[leader].ended()

    def _is_new(self, leader: str, run: LocalRun) -> bool:
        return self._told.get(leader) != run.groups[leader]

    async def _start_worker(self, groups: dict[str, int]) -> None:
        listener = WorkerListener(self._heard_state, self._heard_edge, self._heard_end)
        worker = self._worker = WorkerProcess(listener)
        try:
            await worker.start()
        except CantorError as error:
            self._worker = None
            for leader, epoch in groups.items():
                self._told[leader] = epoch
                self._heard_state(leader, epoch, "failed", str(error))

    def _prepare(self, leader: str, run: LocalRun) -> None:
        """Reserve what a run takes; it begins when that is held."""
        epoch = run.groups[leader]
        former = self._told.get(leader)
        if former is not None and self._is_waiting(leader, former):
            self._units.give_back(leader, former)
        self._secrets.drop(leader)
        self._closed.end(leader)  # it holds the units that the next run waits for
        self._told[leader] = epoch
        self._states[leader] = GroupRun(leader, epoch, "starting", "")
        needs = self._judge.needs_of(run.pipeline, run.filters[leader])
        self._units.take(leader, epoch, needs, run.deployment.project)

    def _begin(self, leader: str, epoch: int) -> None:
        run = self._last
        if run is None or self._told.get(leader) != epoch or run.groups.get(leader) != epoch:
            self._units.give_back(leader, epoch)
            return
        if not self._secrets.are_there(leader, epoch, run):
            return
        self._states[leader] = GroupRun(leader, epoch, "starting", "")
        if not self._run(leader, epoch, run):
            del self._told[leader]  # it is fresh again at the next look
            self._units.give_back(leader, epoch)
        self._changed()

    def _run(self, leader: str, epoch: int, run: LocalRun) -> bool:
        try:
            of = run.deployment, run.pipeline, run.filters[leader]
            secrets = self._secrets.of(leader, epoch)
            files = self._judge.files_of(*of)
            addresses = self._judge.addresses_of(*of, secrets)
        except ConfigError as error:
            self._heard_state(leader, epoch, "failed", str(error))
            return True
        wish: Headers = {
            "leader": leader,
            "epoch": epoch,
            "filters": list(run.filters[leader]),
            "pipeline": cast("Value", with_files(run.deployment.pipeline, files)),
            "node": self._node.name,
            "node_id": self._node.node_id,
            "frames_max": run.deployment.frames_max,
            "judged": bool(files),
            "addresses": cast("Value", addresses),
            "secrets": dict(secrets),
        }
        if not self._is_closed(leader):
            return self._worker is not None and self._tell("run", wish)
        level, lease = self._levels[leader], self._units.lease(leader, epoch)
        self._closed.begin(leader, epoch, level, lease, wish, files.values())
        self._tell_routes(run)
        return True

    def _stop(self, leader: str) -> bool:
        if leader not in self._closed:
            return self._tell("stop", {"leader": leader})
        self._closed.end(leader)
        return True

    def _is_closed(self, leader: str) -> bool:
        return self._levels.get(leader, "none") != "none"

    def _is_gone(self, leader: str, epoch: int) -> None:
        """The process of a closed group that was to end has ended."""
        self._units.give_back(leader, epoch)
        self._changed()

    def _tell_routes(self, run: LocalRun) -> None:
        """Tell each worker its routes, if they have changed."""
        opened = [leader for leader in run.filters if not self._is_closed(leader)]
        routes = routes_of(run, self._ends, opened)
        said = {"routes": cast("Value", routes), "node_id": self._node.node_id}
        if routes != self._routes and self._worker is not None and self._tell("routes", said):
            self._routes = routes
        for leader in self._closed:
            self._closed.route(leader, routes_of(run, self._ends, (leader,)), self._node.node_id)

    def _hand_on(self, headers: Headers, body: tuple[Buffer, ...]) -> None:
        """Give a message of an edge to the worker of its end here."""
        ends = self._ends.get(str(headers.get("connection")))
        leader = ends.receiver_of(headers.get("kind")) if ends is not None else None
        if leader is not None and leader in self._closed:
            self._closed.hand_on(leader, headers, body)
        elif self._worker is not None:
            self._worker.tell("edge", headers, body)

    def _waits(self, leader: str, epoch: int, why: str) -> None:
        if self._told.get(leader) == epoch:
            what = "units" if self._units.is_waiting(leader, epoch) else "secrets"
            text = f"waits for its {what}: {why}"[:ERROR_LENGTH_MAX]
            self._states[leader] = GroupRun(leader, epoch, "starting", text)
            self._changed()

    def _gives_up(self, leader: str, epoch: int, why: str) -> None:
        """The keeper places it anew: the units that it counted on are not here."""
        if self._told.get(leader) == epoch:
            _log.info("units not granted", extra={"leader": leader, "reason": why})
            self._states[leader] = GroupRun(leader, epoch, "stopped", why[:ERROR_LENGTH_MAX])
            self._changed()

    def _is_waiting(self, leader: str, epoch: int) -> bool:
        units, secrets = self._units, self._secrets
        return units.is_waiting(leader, epoch) or secrets.is_waiting(leader, epoch)

    def _has_new_secret(self, leader: str, epoch: int) -> None:
        """A live run begins anew with another version; what reads files goes on to its end."""
        is_running = self._told.get(leader) == epoch and self._states[leader].goes_on
        if is_running and self._begins_anew and self._stop(leader):
            self._states[leader] = GroupRun(leader, epoch, "stopped", "a secret has changed")
            self._changed()

    def _tell(self, op: str, headers: Headers) -> bool:
        """False if the worker's queue is full: then it is told at the next look."""
        return self._worker is None or self._worker.tell(op, headers)

    def _heard_state(self, leader: str, epoch: int, state: str, error: str) -> None:
        if state in ENDED and not self._closed.holds(leader, epoch):
            self._units.give_back(leader, epoch)
        if self._told.get(leader) != epoch:
            return
        before = self._states[leader].state
        self._states[leader] = GroupRun(
            leader,
            epoch,
            cast("RunState", state),
            self._secrets.cover.text(error)[:ERROR_LENGTH_MAX],
        )
        if state == "running":
            self._pauses.runs(leader)
        elif state == "failed" and before == "running" and self._begins_anew:
            self._pauses.begin(leader, epoch)
        self._changed()

    def _lose(self, leader: str, epoch: int) -> None:
        if self._told.get(leader) == epoch:
            self._states[leader] = replace(self._states[leader], state="stopped")
            self._changed()

    def _listener_of(self, leader: str, epoch: int) -> WorkerListener:
        """Hears the worker of one run of a closed group, which may speak of that alone."""

        def state(about: str, of: int, state: str, error: str) -> None:
            if (about, of) != (leader, epoch):
                raise RemoteProtocolError("it speaks of what it does not run", where=leader)
            GroupRun.of(leader, epoch, state)
            if self._closed.runs(leader, epoch):
                self._heard_state(leader, epoch, state, error)

        def edge(to: str, headers: Headers, body: tuple[Buffer, ...]) -> None:
            is_its = self._closed.runs(leader, epoch)
            if is_its and may_say(self._closed.routes(leader), to, headers):
                self._heard_edge(to, headers, body)

        def ended(how: str) -> None:
            if self._closed.runs(leader, epoch):
                self._closed.ended(leader)
                self._heard_closed_end(leader, how)

        return WorkerListener(state, edge, ended)

    def _heard_edge(self, to: str, headers: Headers, body: tuple[Buffer, ...]) -> None:
        if to == BESIDE:
            self._hand_on({**headers, "from": BESIDE}, body)
            return
        self._post(cast("NodeId", to), {**headers, "deployment": self.deployment}, body)

    def _heard_end(self, how: str) -> None:
        self._worker = None
        self._routes.clear()
        for leader in [leader for leader in self._told if not self._is_closed(leader)]:
            self._is_lost(leader, how)
        self._changed()

    def _heard_closed_end(self, leader: str, how: str) -> None:
        if leader in self._told:
            self._is_lost(leader, how)
        self._changed()

    def _is_lost(self, leader: str, how: str) -> None:
        epoch = self._told[leader]
        self._units.give_back(leader, epoch)
        if self._states[leader].state not in ENDED:
            why = self._secrets.cover.text(how)[:ERROR_LENGTH_MAX]
            self._states[leader] = GroupRun(leader, epoch, "failed", why)
            self._pauses.begin(leader, epoch)
