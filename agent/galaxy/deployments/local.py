"""The part of one deployment that runs on this node: its worker, kept as the keeper wants it."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, ConfigError, RemoteProtocolError
from galaxy.deployments.anew import Anew
from galaxy.deployments.asking import Asking
from galaxy.deployments.beside import BESIDE, Ends, ends_of, may_say, routes_of
from galaxy.deployments.closed import ClosedGroups
from galaxy.deployments.judge import with_files
from galaxy.deployments.records import ERROR_LENGTH_MAX, GroupRun
from galaxy.deployments.secrets import GroupSecrets
from galaxy.deployments.units import Units
from galaxy.deployments.workers import WorkerListener, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.wire.frame import Buffer, Value
    from cantor.workers.sandbox.levels import Level
    from galaxy.deployments.judge import Judge
    from galaxy.deployments.keeper import LocalRun
    from galaxy.deployments.pushed import Code
    from galaxy.deployments.records import RunState

    Headers = dict[str, Value]

ENDED = ("finished", "failed", "stopped")
OVER = ("finished", "stopped")
"""Ended as it was to, or ended already."""
_log = logging.getLogger(__name__)


class LocalDeployment:
    """Tells worker processes what to run, and keeps what they say: one for all groups of our own
    filters, and one for each group apart: that is closed in, or runs a pushed filter.

    ``changed`` is called after each change of state; ``post`` takes a message to another node. A
    run that was lost (its process was killed; or it failed after it had run, and its sources are
    live) is told to be *stopped* after a pause that doubles: the keeper then gives it a new epoch.
    So is, at once, one whose code is another by now.
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
        self._codes: dict[str, Code | None] = {}
        self._ends: dict[str, Ends] = {}
        self._closed = ClosedGroups(node, self._listener_of, self._is_gone)
        self.asking = Asking(
            self._closed, lambda: self._worker, lambda: self._last.filters if self._last else {}
        )
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
        self._anew = Anew(self._lose)
        self._worker: WorkerProcess | None = None
        self._told: dict[str, int] = {}
        self._routes: dict[str, list[Value]] = {}
        self._states: dict[str, GroupRun] = {}

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
        self._leave_old_code(run)
        fresh = {name: run.groups[name] for name in run.groups if self._is_new(name, run)}
        fresh = {name: epoch for name, epoch in fresh.items() if self._is_known(name, epoch, run)}
        opened = {name: fresh[name] for name in fresh if not self._is_apart(name)}
        if opened and self._worker is None:
            await self._start_worker(opened)
        self._ends = ends_of(run)
        self._tell_routes(run)
        for leader in fresh:
            if self._worker is not None or leader not in opened:
                self._prepare(leader, run)
        if not run.groups and (self._worker is not None or any(self._closed)):
            await self.close()

    def edge_arrived(self, source: NodeId, headers: Headers, body: tuple[Buffer, ...]) -> None:
        """Hand on a message of an edge from another node."""
        self._hand_on({**headers, "from": source}, body)

    async def close(self) -> None:
        """End the workers."""
        self._anew.close()
        worker, self._worker = self._worker, None
        self._told.clear()
        self._routes.clear()
        if worker is not None:
            await worker.close()
        await self._closed.close()
        await self._secrets.close()
        self._levels.clear()
        self._codes.clear()
        self._units.give_back_all()

    async def _begin_revision(self, run: LocalRun) -> None:
        await self.close()
        self._revision = run.deployment.revision
        self._begins_anew = self._judge.is_live(run.pipeline)
        self._states = dict(run.past)
        self._anew.forget()

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

    def _leave_old_code(self, run: LocalRun) -> None:
        """Runs whose pushed code is another by now begin anew, those too that failed with it."""
        for leader, code in self._codes.items():
            epoch, state = run.groups.get(leader), self._states.get(leader)
            if code is None or state is None or state.epoch != epoch or state.state in OVER:
                continue
            with suppress(ConfigError):
                now = self._judge.pushed.code_of(run.pipeline, run.filters[leader])
                if now is not None and (now.bundles, now.level) != (code.bundles, code.level):
                    self._states[leader] = replace(state, state="stopped", error="")

    def _is_known(self, leader: str, epoch: int, run: LocalRun) -> bool:
        """Whether a run can begin: what its pushed filters are is known, and their code is here."""
        if self._judge.pushed.told(run.pipeline) is None:
            return False  # it comes: who has deployed it knew
        of = run.pipeline, run.filters[leader]
        try:
            code = self._codes[leader] = self._judge.pushed.code_of(*of)
        except ConfigError as error:
            self._told[leader] = epoch
            self._gives_up(leader, epoch, str(error))
            return False
        self._levels[leader] = self._judge.level_of(run.deployment, *of, code)
        return True

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
            "types": self._judge.pushed.told(run.pipeline),
        }
        if not self._is_apart(leader):
            return self._worker is not None and self._tell("run", wish)
        seen = [*map(Path, files.values())]
        if code := self._codes.get(leader):
            wish |= {"paths": [*map(str, code.paths)], "places": dict(code.places)}
            seen += code.paths
        level, lease = self._levels[leader], self._units.lease(leader, epoch)
        self._closed.begin(leader, epoch, level, lease, wish, seen)
        self._tell_routes(run)
        return True

    def _stop(self, leader: str) -> bool:
        if leader not in self._closed:
            return self._tell("stop", {"leader": leader})
        self._closed.end(leader)
        return True

    def _is_apart(self, leader: str) -> bool:
        is_closed = self._levels.get(leader, "none") != "none"
        return is_closed or self._codes.get(leader) is not None

    def _is_gone(self, leader: str, epoch: int) -> None:
        """The process of a closed group that was to end has ended."""
        self._units.give_back(leader, epoch)
        self._changed()

    def _tell_routes(self, run: LocalRun) -> None:
        """Tell each worker its routes, if they have changed."""
        opened = [leader for leader in run.filters if not self._is_apart(leader)]
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
            self._anew.runs(leader)
        elif state == "failed":
            is_tried = leader in self._closed and self._counts(leader, error)
            if is_tried or (before == "running" and self._begins_anew):
                self._anew.later(leader, epoch)
        self._changed()

    def _counts(self, leader: str, error: str) -> bool:
        """Whether a failure counts against code on trial: then it is tried anew in any case."""
        return self._judge.pushed.run_failed(self._codes.get(leader), error)

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
        for leader in [leader for leader in self._told if not self._is_apart(leader)]:
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
            self._counts(leader, how)
            self._anew.later(leader, epoch)
