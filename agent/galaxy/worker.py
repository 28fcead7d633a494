"""The worker of one deployment on one node: a process of its own that runs strong groups.

Its agent speaks to it over a pipe; each frame has an ``op``:

    run      leader, epoch, filters, pipeline, node, node_id, frames_max,  run one group
             judged: whether its files were judged for another node,
             addresses: None, or what it may reach of this box: host:port,
             types: what pushes in it tell; paths and places: their code here,
             secrets: the values that parameters name
    stop     leader                                                       end its run
    routes   routes: connection -> [node, epoch, node, epoch]             who sends, who receives
    edge     from, and an EdgeMessage                                     from another node
    ask      id, what: figures | reports | preview, and arguments         answered with the same id

The worker tells ``state`` (leader, epoch, state, error), ``edge`` (to, and an EdgeMessage) and
``answer`` (id, result, and ``refused`` if there is none). It ends when the pipe closes: no worker
outlives its agent.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, cast

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, LocalProtocolError
from cantor.base.secret_names import Cover
from cantor.workers.inherited import inherited
from galaxy.described import pushed_types
from galaxy.edges import QueueEdge
from galaxy.loader import pipeline_from_document
from galaxy.mesh_edge import EdgeMessage, Switchboard
from galaxy.pipe import Pipe
from galaxy.previews import Previews
from galaxy.registry import Registry
from galaxy.runtime import Runtime
from galaxy.secrets import cover_logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.clock import Clock
    from cantor.wire import DataFrame
    from cantor.wire.frame import Buffer, Value
    from galaxy.edges import EdgeTransport
    from galaxy.frame import Frame
    from galaxy.pipeline import Connection, Policy

    Headers = dict[str, Value]

CLOSE_TIMEOUT_S = 3.0
BEFORE_TIMEOUT_S = 20.0
_log = logging.getLogger(__name__)


class GroupRun:
    """One run of one strong group, in a thread that starts it, waits for it and tells its state."""

    def __init__(
        self,
        leader: str,
        epoch: int,
        make: Callable[[], Runtime],
        tell: Callable[[str, int, str, str], None],
        before: GroupRun | None,
    ) -> None:
        """``before`` is a run that must end first; ``tell`` gets leader, epoch, state, error."""
        self.leader = leader
        self.epoch = epoch
        self.runtime: Runtime | None = None
        self._make = make
        self._tell = tell
        self._before = before
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"galaxy:run:{leader}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the run soon; returns at once."""
        self._stopping.set()
        runtime = self.runtime
        if runtime is not None:
            threading.Thread(target=runtime.stop, daemon=True).start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the run; True if it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _main(self) -> None:
        try:
            state, error = self._run()
        except CantorError as failure:
            state, error = "failed", str(failure)
        except Exception as failure:  # noqa: BLE001 (a filter may raise anything)
            _log.exception("a run failed", extra={"leader": self.leader})
            state, error = "failed", f"{type(failure).__name__}: {failure}"
        self._tell(self.leader, self.epoch, state, error)

    def _run(self) -> tuple[str, str]:
        before, self._before = self._before, None  # else every former run would stay in memory
        if before is not None:
            before.stop()
            if not before.join(BEFORE_TIMEOUT_S):
                return "failed", f"its run before does not end in {BEFORE_TIMEOUT_S:g} s"
        self._tell(self.leader, self.epoch, "starting", "")
        runtime = self.runtime = self._make()
        if self._stopping.is_set():
            runtime.stop()
            return "stopped", ""
        runtime.start()
        if runtime.state == "running":
            self._tell(self.leader, self.epoch, "running", "")
        if self._stopping.is_set():
            runtime.stop()
        runtime.join()
        return runtime.state, str(runtime.error or "")


class Worker:
    """Does what the agent asks over ``pipe`` until that closes."""

    def __init__(self, pipe: Pipe, *, registry: Registry | None = None) -> None:
        self._pipe = pipe
        self._registry = registry or Registry.default()
        self._clock: Clock = SystemClock()
        self._board = Switchboard(self._clock, self._post, pipe.room)
        self._previews = Previews(self._clock, self._answer)
        self._runs: dict[str, GroupRun] = {}
        self._secrets: dict[str, bytes] = {}
        self._cover = Cover({})
        cover_logs(lambda: self._cover)
        self._operations: dict[str, Callable[[DataFrame], None]] = {
            "run": self._run,
            "stop": self._stop,
            "routes": self._route,
            "edge": self._arrived,
            "ask": self._ask,
        }
        self.refused = 0

    def serve(self) -> None:
        """Work until the agent has gone, then end every run."""
        try:
            while (frame := self._pipe.receive()) is not None:
                self._obey(frame)
        except OSError:
            pass  # the agent has gone without a word
        finally:
            self.close()

    def close(self) -> None:
        """End every run; one that hangs is left to the end of the process."""
        for run in self._runs.values():
            run.stop()
        self._board.close()
        for run in self._runs.values():
            run.join(CLOSE_TIMEOUT_S)

    def _obey(self, frame: DataFrame) -> None:
        """Do what a frame asks; one out of shape is counted, and ends nothing."""
        op = str(frame.headers.get("op"))[:40]
        try:
            self._operations[op](frame)
        except (CantorError, LookupError, TypeError, ValueError, AttributeError) as error:
            self.refused += 1
            reason = f"{type(error).__name__}: {error}"[:200]
            _log.warning("a message is refused", extra={"op": op, "reason": reason})

    def _run(self, frame: DataFrame) -> None:
        wish = frame.headers
        leader, epoch = str(wish["leader"]), cast("int", wish["epoch"])
        filters = frozenset(cast("list[str]", wish["filters"]))
        node = str(wish["node"])
        secrets = cast("dict[str, str]", wish.get("secrets") or {})
        self._secrets |= {name: value.encode() for name, value in secrets.items()}
        self._cover = Cover(self._secrets)
        document = cast("dict[str, object]", wish["pipeline"])
        registry = self._registry_for(wish)

        def make() -> Runtime:
            return Runtime(
                pipeline_from_document(document, "the deployment"),
                registry=registry,
                node=node,
                epoch=epoch,
                clock=self._clock,
                filters_here=filters,
                make_edge=self._edge_maker(filters, epoch),
                publish=self._published,
                frames_max=cast("int", wish["frames_max"]),
                is_judged=bool(wish.get("judged")),
                addresses=cast("list[str] | None", wish.get("addresses")),
                secrets=secrets,
            )

        before = self._runs.get(leader)
        self._runs[leader] = GroupRun(leader, epoch, make, self._tell, before)

    def _registry_for(self, wish: Headers) -> Registry:
        """With the pushed types of a run; where there is code, this process runs nothing else."""
        types, places = wish.get("types"), cast("dict[str, str]", wish.get("places") or {})
        paths = [
            path for path in cast("list[str]", wish.get("paths") or []) if path not in sys.path
        ]
        if paths:
            sys.path[:0] = paths
            sys.dont_write_bytecode = True
        return self._registry.with_pushed(pushed_types(types), places) if types else self._registry

    def _edge_maker(
        self, filters: frozenset[str], epoch: int
    ) -> Callable[[Connection, Policy, int, Clock], EdgeTransport]:
        def make(connection: Connection, policy: Policy, depth: int, clock: Clock) -> EdgeTransport:
            if {connection.source.filter, connection.target.filter} <= filters:
                return QueueEdge(connection, policy, depth, clock)
            if connection.source.filter in filters:
                return self._board.sender(connection, policy, depth, connection.codec, epoch=epoch)
            return self._board.receiver(connection, policy, depth, epoch=epoch)

        return make

    def _stop(self, frame: DataFrame) -> None:
        run = self._runs.get(str(frame.headers.get("leader")))
        if run is not None:
            run.stop()

    def _route(self, frame: DataFrame) -> None:
        routes = cast("dict[str, list[Value]]", frame.headers["routes"])
        for connection, (source, source_epoch, target, target_epoch) in routes.items():
            self._board.route(
                connection,
                sender=(str(source), cast("int", source_epoch)),
                receiver=(str(target), cast("int", target_epoch)),
                me=str(frame.headers["node_id"]),
            )

    def _arrived(self, frame: DataFrame) -> None:
        self._board.arrived(str(frame.headers["from"]), EdgeMessage.unpack(frame))

    def _post(self, node_id: str, message: EdgeMessage) -> None:
        self._send({"op": "edge", "to": node_id, **message.packed_headers()}, message.body)

    def _published(self, topic: str, data: bytes, frame: Frame) -> None:
        self._previews.add(topic, data, frame)

    def _ask(self, frame: DataFrame) -> None:
        number, what = cast("int", frame.headers["id"]), frame.headers["what"]
        if what == "preview":
            self._previews.ask(
                number, str(frame.headers["filter"]), cast("int", frame.headers["after"])
            )
        else:
            self._answer(number, self._figures() if what == "figures" else self._reports(), ())

    def _figures(self) -> Headers:
        groups = [run.runtime for run in self._runs.values() if run.runtime is not None]
        snapshots = cast("list[Value]", [runtime.snapshot().document() for runtime in groups])
        for snapshot in cast("list[Headers]", snapshots):
            del snapshot["reports"]
        return {"groups": snapshots, "previews": self._previews.figures()}

    def _reports(self) -> Headers:
        reports: Headers = {}
        for run in self._runs.values():
            if run.runtime is not None:
                reports.update(cast("Headers", run.runtime.snapshot().reports))
        return reports

    def _tell(self, leader: str, epoch: int, state: str, error: str) -> None:
        error = self._cover.text(error)
        self._send(
            {"op": "state", "leader": leader, "epoch": epoch, "state": state, "error": error}
        )

    def _answer(self, number: int, result: Headers, body: tuple[Buffer, ...]) -> None:
        try:
            covered = cast("Headers", self._cover.value(result))
            self._send({"op": "answer", "id": number, "result": covered}, body)
        except LocalProtocolError as error:  # a report may be too large for one message
            self._send({"op": "answer", "id": number, "result": {}, "refused": str(error)})

    def _send(self, headers: Headers, body: tuple[Buffer, ...] = ()) -> None:
        try:
            self._pipe.send(headers, body)
        except OSError:
            _log.debug("the agent has gone")


def main(descriptor: int, *memory: int) -> int:
    """Run a worker on an inherited socket; the process's exit code.

    ``memory`` is nothing, or the descriptors of the slots to read and of those to write.
    """
    sock, reader, writer = inherited(descriptor, memory)
    with sock:
        Worker(Pipe(sock, writer, reader)).serve()
    logging.shutdown()
    os._exit(0)  # a camera driver that hangs in a thread must not keep the process
