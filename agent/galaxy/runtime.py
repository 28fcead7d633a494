"""Runs a pipeline: one thread per strong group, bounded edges between them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from cantor.base.clock import SystemClock
from cantor.base.errors import ConfigError, LocalProtocolError
from galaxy.check import find_problems
from galaxy.context import Context
from galaxy.edges import EdgeTransport, QueueEdge, edge_defaults
from galaxy.figures import EdgeFigures, Snapshot
from galaxy.filter import BaseFilter, BaseSource, params_of
from galaxy.group import Group, Stage
from galaxy.registry import Registry
from galaxy.secrets import resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from cantor.base.clock import Clock
    from galaxy.context import Publish
    from galaxy.pipeline import Connection, Pipeline, Policy

    EdgeFactory = Callable[[Connection, Policy, int, Clock], EdgeTransport]

State = Literal["created", "starting", "running", "stopping", "finished", "stopped", "failed"]
ENDED: tuple[State, ...] = ("finished", "stopped", "failed")
STOP_TIMEOUT_S = 10.0


class Runtime:
    """One run of a pipeline, or of the part of it that is placed on this node.

    ``make_edge`` gives the transport of a weak or task connection; one whose other end is on
    another node is its to carry. ``publish`` receives topic, bytes and frame of
    previews. A run is used once.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        registry: Registry | None = None,
        node: str = "local",
        epoch: int = 0,
        clock: Clock | None = None,
        filters_here: Iterable[str] | None = None,
        make_edge: EdgeFactory = QueueEdge,
        publish: Publish | None = None,
        frames_max: int = 0,
        is_judged: bool = False,
        addresses: Collection[str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Check the pipeline and make its filters; ``frames_max`` 0 means all frames.

        ``is_judged`` and ``addresses`` are for pipelines of other nodes: see
        :class:`galaxy.context.Context`. ``secrets`` are the values that parameters name.

        Raises:
            ConfigError: the pipeline has a problem; the first is named.
        """
        registry = registry or Registry.default()
        problems = find_problems(pipeline, registry)
        if problems:
            first = problems[0]
            raise ConfigError(
                f"{first.key}: {first.what}", where=pipeline.name, remedy=first.remedy
            )
        self.pipeline = pipeline
        self.node = node
        self.epoch = epoch
        self._clock = clock or SystemClock()
        self._publish = publish
        self._frames_max = frames_max
        self._is_judged = is_judged
        self._addresses = addresses
        self._secrets = secrets or {}
        self._here = frozenset(pipeline.filters if filters_here is None else filters_here)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._state: State = "created"
        self._error: Exception | None = None
        self._started_s = self._ended_s = 0.0
        self._edges: dict[str, EdgeTransport] = {}
        self._stages = {
            name: self._stage(name, registry) for name in pipeline.filters if name in self._here
        }
        self._groups = self._make_groups()
        self._left = len(self._groups)
        self._connect(make_edge, registry)

    @property
    def state(self) -> State:
        """Where the run stands."""
        return self._state

    @property
    def error(self) -> Exception | None:
        """What ended the run in state ``failed``."""
        return self._error

    def start(self) -> None:
        """Open every filter, then let frames flow; returns when they do or the run has failed.

        Raises:
            LocalProtocolError: the run was started before.
        """
        with self._changed:
            if self._state != "created":
                raise LocalProtocolError("a run is started once", where=self.pipeline.name)
            self._state = "starting"
        self._started_s = self._clock.monotonic()
        for group in self._groups:
            group.start()
        for group in self._groups:
            group.opened.wait()
        with self._changed:
            if self._state == "starting":
                self._state = "running"
        for group in self._groups:
            group.release()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """End the run; frames under way are discarded and counted. True if all has ended."""
        with self._changed:
            if self._state in ("starting", "running"):
                self._state = "stopping"
        self._halt()
        return self.join(timeout_s)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the run; True if it has ended."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state in (*ENDED, "created"), timeout_s)

    def run(self) -> Snapshot:
        """Start, wait for the end, and give the figures.

        Raises:
            FilterError: a filter failed.
        """
        self.start()
        self.join()
        if self._error is not None:
            raise self._error
        return self.snapshot()

    def set_param(self, filter_name: str, param: str, value: object) -> None:
        """Change a live parameter; the filter takes it over before its next frame.

        Raises:
            ConfigError: no such filter or parameter, it is not live, or the value is wrong.
        """
        where = f"{self.pipeline.name}: {filter_name}.{param}"
        stage = self._stages.get(filter_name)
        declared = params_of(type(stage.instance)).get(param) if stage else None
        if stage is None or declared is None:
            raise ConfigError("there is no such filter or parameter here", where=where)
        if not declared.live:
            raise ConfigError(
                "cannot change while the pipeline runs", where=where, remedy="restart it"
            )
        try:
            checked = declared.check(value)
        except ValueError as error:
            raise ConfigError(str(error), where=where) from error
        stage.changed_params = {**stage.changed_params, param: checked}

    def snapshot(self) -> Snapshot:
        """All figures at this moment; may be called from any thread."""
        running = self._started_s and self._state not in ENDED
        until_s = self._clock.monotonic() if running else self._ended_s
        strong = {
            connection.name: EdgeFigures("strong", "", 0)
            for connection in self.pipeline.connections
            if connection.kind == "strong" and connection.source.filter in self._here
        }
        return Snapshot(
            self.pipeline.name,
            self.node,
            self.epoch,
            self._state,
            str(self._error or ""),
            max(0.0, until_s - self._started_s),
            {name: stage.figures() for name, stage in self._stages.items()},
            {**strong, **{name: edge.figures() for name, edge in self._edges.items()}},
            {name: stage.report for name, stage in self._stages.items() if stage.report},
            {name: said for name, stage in self._stages.items() if (said := stage.live_report())},
        )

    def _stage(self, name: str, registry: Registry) -> Stage:
        spec = self.pipeline.filters[name]
        ctx = Context(
            name=name,
            node=self.node,
            pipeline=self.pipeline.name,
            clock=self._clock,
            epoch=self.epoch,
            stop=self._stop,
            publish=self._publish,
            is_judged=self._is_judged,
            addresses=self._addresses,
        )
        return Stage(name, self._made(registry.get(spec.type), spec.params, name), ctx)

    def _made(
        self, filter_type: type[BaseFilter], params: Mapping[str, object], name: str
    ) -> BaseFilter:
        try:
            return filter_type(resolved(params, self._secrets))
        except ValueError as error:  # of a secret: all else was checked before
            raise ConfigError("a secret is none of the values that it takes", where=name) from error

    def _make_groups(self) -> list[Group]:
        return [
            Group(
                [self._stages[name] for name in names],
                clock=self._clock,
                stop=self._stop,
                frames_max=self._frames_max,
                done=self._group_done,
            )
            for names in self.pipeline.groups()
            if self._here.issuperset(names)
        ]

    def _connect(self, make_edge: EdgeFactory, registry: Registry) -> None:
        group_of = {stage.name: group for group in self._groups for stage in group.stages}
        live = _live_filters(self.pipeline, registry)
        for connection in self.pipeline.connections:
            source, target = connection.source, connection.target
            if not self._here & {source.filter, target.filter}:
                continue
            if connection.kind == "strong":
                after = (self._stages[target.filter], target.pin)
                self._stages[source.filter].strong.setdefault(source.pin, []).append(after)
                continue
            policy, depth = edge_defaults(connection, live=source.filter in live)
            edge = make_edge(connection, policy, depth, self._clock)
            self._edges[connection.name] = edge
            if source.filter in self._here:
                self._stages[source.filter].weak.setdefault(source.pin, []).append(edge)
                group_of[source.filter].outbox.append(edge)
            if target.filter in self._here:
                entry = (edge, self._stages[target.filter], target.pin)
                group_of[target.filter].inbox.append(entry)

    def _group_done(self, error: Exception | None) -> None:
        if error is not None:
            with self._changed:
                self._error = self._error or error
            self._halt()
        with self._changed:
            self._left -= 1
            if self._left:
                return
            self._ended_s = self._clock.monotonic()
            if self._error is not None:
                self._state = "failed"
            else:
                self._state = "stopped" if self._stop.is_set() else "finished"
            self._changed.notify_all()

    def _halt(self) -> None:
        self._stop.set()
        for edge in self._edges.values():
            edge.close()
        for group in self._groups:
            group.wake()


def _live_filters(pipeline: Pipeline, registry: Registry) -> set[str]:
    """The filters whose frames come from a live source."""
    live: set[str] = set()
    for name, spec in pipeline.filters.items():
        filter_type = registry.get(spec.type)
        if issubclass(filter_type, BaseSource) and filter_type.live:
            live.add(name)
    grown = True
    while grown:
        after = {c.target.filter for c in pipeline.connections if c.source.filter in live}
        grown = not after <= live
        live |= after
    return live
