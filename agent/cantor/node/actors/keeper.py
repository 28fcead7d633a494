"""The actors that were started on this node: sent where they live, and calls of them passed on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, NeedsError, RemoteProtocolError
from cantor.bundles.values import pack
from cantor.node.tasks.listening import LAST
from cantor.node.tasks.places import hosts_of_actors, named
from cantor.node.tasks.watch import Watch
from cantor.node.tasks.wording import (
    ABORT,
    CALLED,
    DONE,
    ENDED,
    FAILED,
    FELL,
    INVOKE,
    INVOKE_OFF,
    LINE_LOST,
    LIVES,
    RUN,
    terms_from,
    terms_value,
)
from cantor.scheduling.actors.calling import Hearing
from cantor.scheduling.actors.keeping import Keeping
from cantor.scheduling.actors.ordering import Ordered
from cantor.scheduling.actors.records import (
    Answered,
    CallCancelled,
    Called,
    Closed,
    CommitCall,
    Failed,
    Fell,
    Forgone,
    Invoke,
    Lives,
    LoseCall,
    Over,
    Started,
    Stop,
)
from cantor.scheduling.needs import parse
from cantor.scheduling.tasks.records import Abort, Dropped, Job, Refused, Run
from cantor.workers.errors import PoolClosedError, WorkerDiedError
from cantor.workers.failures import pack_failure
from cantor.workers.units import CLOSE, KILL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.node.tasks.codes import Codes
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.submits import Caller
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.actors.records import Effect, Event
    from cantor.workers.units import Passed, Terms

ENDED_MAX = 4096
"""So many actors that have ended are remembered, for errors."""
_NONE = (pack(None, []),)


@dataclass(slots=True)
class _Told:
    """What a life tells of itself, or of a call; an answer may come with the state after it."""

    what: Message
    call: int | None = None
    parts: Parts = ()
    state: Parts = ()


@dataclass(slots=True, eq=False)
class Kept:
    """One actor."""

    number: int
    address: str
    caller: Caller
    unit: int
    code: Passed
    terms: Terms
    parts: Parts
    state: Parts = ()
    told: Ordered[_Told] = field(default_factory=Ordered)
    """What its latest life tells, of itself and of calls, in the order in which it did."""
    end: Message = field(default_factory=list)
    """What its calls hear once it has ended."""
    closing: list[_Call] = field(default_factory=list)
    """Those who wait for its end."""


@dataclass(slots=True, eq=False)
class _Call:
    number: int
    kept: Kept
    node: NodeId
    life: int
    name: int
    """Its number there."""
    terms: Terms
    parts: Parts
    count: int = 0
    """Messages about it that its caller was sent."""
    last: tuple[Message, Parts] = ([], ())


class Keeper:
    """On the event loop only."""

    def __init__(self, node: Node, lines: Lines, codes: Codes, numbers: Iterator[int]) -> None:
        self._node = node
        self._lines = lines
        self._codes = codes
        self._numbers = numbers
        self._core = Keeping()
        self._hearing: Hearing[tuple[int, Terms, Parts]] = Hearing()
        self._kept: dict[int, Kept] = {}
        self._addresses: dict[str, Kept] = {}
        self._calls: dict[int, _Call] = {}
        self._made: dict[tuple[NodeId, int, int], _Call] = {}
        self._ended: OrderedDict[str, Message] = OrderedDict()
        self._watch = Watch(node, hosts_of_actors, self._handle, lambda: not self._kept)

    def close(self) -> None:
        """End everything."""
        for number in list(self._kept):
            self.end(number)
        self._watch.close()

    def is_kept(self, number: int) -> bool:
        """Whether that is an actor of this node."""
        return number in self._kept

    def rows(self) -> list[tuple[Kept, NodeId | None]]:
        """The actors, each with the node that has it."""
        return [(kept, self._core.where(number)[0]) for number, kept in self._kept.items()]

    def start(
        self, caller: Caller, unit: int, code: Passed, terms: Terms, python: str, parts: Parts
    ) -> int:
        """Let an actor live somewhere; its number on this node.

        Raises:
            ConfigError: its needs do not follow the grammar, or there is no such project.
        """
        needs = parse(terms.needs)
        if terms.project:
            self._node.shares.check(terms.project)
        kept = Kept(next(self._numbers), terms.actor, caller, unit, code, terms, parts)
        self._kept[kept.number] = self._addresses[kept.address] = kept
        self._codes.use(code)
        self._watch.refresh()
        job = Job(
            kept.number, needs, terms.needs, python, terms.priority, terms.retries, is_nested=True,
            project=terms.project,
        )  # fmt: skip
        self._handle(Started(job))
        return kept.number

    def end(self, number: int) -> None:
        """End an actor now; nothing if that is none."""
        if number in self._kept:
            self._handle(Closed(number, kill=True))

    def changed(self, lost: frozenset[NodeId]) -> None:
        """Facts or nodes have changed; ``lost`` can be reached no more."""
        for node in lost:
            for address, life, line in self._hearing.gone(node):
                self._lines.tell(node, [LINE_LOST, address, life, line])
            for call in [one for one in self._calls.values() if one.node == node]:
                self._handle(Forgone(call.number))
        self._watch.changed(is_urgent=bool(lost))

    @staticmethod
    def answer_lost() -> Message:
        """What a caller hears whose answer was given up on its way."""
        error = WorkerDiedError(
            "the answer of an actor was lost on its way: its node could not be reached for a while",
            remedy="the call has run",
        )
        return [FAILED, pack_failure(error)]

    def heard_call(self, node: NodeId, message: Message, parts: Parts) -> None:
        """Somebody calls an actor.

        Raises:
            RemoteProtocolError: the call is odd.
        """
        _, life, line, place, name, address, told = message
        if self._node.tenant_of(node) != self._node.tenant:
            raise RemoteProtocolError("a call from another tenant")
        call = int(name), terms_from(told), parts
        if address not in self._addresses:
            end = self._ended.get(address) or _closed(address, "it has ended, or its keeper has")
            self._lines.tell(node, [CALLED, life, name, 0, end])
            return
        for one in self._hearing.heard(node, int(life), address, int(line), place, call):
            self._take(node, int(life), address, *one)

    def heard_off(self, node: NodeId, message: Message, _: Parts) -> None:
        """Nobody waits for a call any more."""
        _, life, name, is_cancelled = message
        call = self._made.get((node, life, name))
        if call is not None:
            number = call.number
            self._handle(CallCancelled(number) if is_cancelled else Forgone(number))

    def heard_told(self, node: NodeId, message: Message, _: Parts) -> None:
        """A life tells something of itself."""
        _, life, number, attempt, place, told = message
        kept = self._kept.get(number)
        if kept is None or life != self._node.life or not self._core.counts(node, number, attempt):
            return
        for one in kept.told.put(place, _Told(told)):
            self._take_told(kept, node, attempt, one)

    def heard_refused(self, node: NodeId, message: Message, _: Parts) -> None:
        """A node does not let an actor live there."""
        _, life, number, attempt, why, text = message
        if life == self._node.life and number in self._kept:
            is_busy = why == "busy"
            self._handle(Refused(node, number, attempt, "busy" if is_busy else "unfit", str(text)))

    def heard_dropped(self, node: NodeId, message: Message, _: Parts) -> None:
        """A node has ended a life, because it could not reach this one."""
        _, life, number, attempt = message
        if life == self._node.life and number in self._kept:
            self._handle(Dropped(node, number, attempt))

    def heard_invoked(self, node: NodeId, message: Message, parts: Parts) -> None:
        """A life tells what becomes of a call: only the latest counts."""
        _, life, number, attempt, place, name, what, own = message
        kept = self._kept.get(number)
        if kept is None or life != self._node.life or not self._core.counts(node, number, attempt):
            return
        told = _Told(what, int(name), parts[:own], parts[own:])
        for one in kept.told.put(place, told):
            self._take_told(kept, node, attempt, one)

    def _take(
        self, node: NodeId, life: int, address: str, name: int, terms: Terms, parts: Parts
    ) -> None:
        kept = self._addresses[address]
        call = _Call(next(self._numbers), kept, node, life, name, terms, parts)
        if terms.method in (CLOSE, KILL):
            kept.closing.append(call)
            self._handle(Closed(kept.number, kill=terms.method == KILL))
            return
        self._calls[call.number] = self._made[node, life, name] = call
        self._handle(Called(kept.number, call.number, terms.retries))

    def _take_told(self, kept: Kept, node: NodeId, attempt: int, told: _Told) -> None:
        """A life tells something, in its order; what comes before may have ended that life."""
        if not self._core.counts(node, kept.number, attempt):
            return
        if told.call is None:
            self._life_told(kept, node, attempt, told.what)
            return
        if told.state:
            kept.state = told.state
        call = self._calls.get(told.call)
        if call is None or call.kept is not kept:
            return
        if told.what[0] not in LAST:
            self._tell(call, told.what, told.parts)
            return
        call.last = told.what, told.parts
        self._handle(Answered(node, kept.number, attempt, call.number))

    def _life_told(self, kept: Kept, node: NodeId, attempt: int, told: Message) -> None:
        if told[0] == LIVES:
            self._handle(Lives(node, kept.number, attempt))
        elif told[0] == FAILED:
            kept.end = told
            self._handle(Failed(node, kept.number, attempt))
        elif told[0] == FELL:
            _, end, death, begun = told
            kept.end = [ENDED, end, death]
            self._handle(Fell(node, kept.number, attempt, int(begun)))

    def _handle(self, event: Event) -> None:
        for effect in self._core.handle(event, self._node.clock.monotonic()):
            self._carry_out(effect)
        self._watch.wake_at(self._core.due)

    def _carry_out(self, effect: Effect) -> None:
        me = self._node.life
        match effect:
            case Run():
                self._run(self._kept[effect.task], effect)
            case Abort(node, number, attempt):
                self._lines.tell(node, [ABORT, me, number, attempt])
            case Invoke(node, number, attempt, place, name):
                call = self._calls[name]
                message = [INVOKE, me, number, attempt, place, name, _terms_there(call.terms)]
                self._lines.tell(node, message, call.parts)
            case Stop(node, number, attempt, name):
                self._lines.tell(node, [INVOKE_OFF, me, number, attempt, name])
            case CommitCall(name):
                call = self._forget(name)
                self._tell(call, *call.last)
            case LoseCall(name, why):
                call = self._forget(name)
                self._tell(call, self._loss(call, why), ())
            case Over():
                self._over(self._kept[effect.actor], effect)

    def _run(self, kept: Kept, run: Run) -> None:
        kept.told = Ordered()
        self._codes.send_ahead(run.node, kept.code)
        terms = replace(kept.terms, restore_from=len(kept.parts) if kept.state else 0)
        attempt = (self._node.life, kept.number, run.attempt)
        message = [RUN, *attempt, run.life, kept.code.id, terms_value(terms), run.may_wait]
        self._lines.tell(run.node, message, (*kept.parts, *kept.state))

    def _over(self, kept: Kept, over: Over) -> None:
        del self._kept[kept.number], self._addresses[kept.address]
        self._codes.release(kept.code)
        if over.why not in ("died", "failed"):
            kept.end = self._end(kept, over)
        self._ended[kept.address] = kept.end
        for node, life, (name, _, _) in self._hearing.forget(kept.address):
            self._lines.tell(node, [CALLED, life, name, 0, kept.end])
        if len(self._ended) > ENDED_MAX:
            self._ended.popitem(last=False)
        for call in kept.closing:
            self._tell(call, [DONE], _NONE)
        is_closed = over.why == "closed"
        kept.caller.told(kept.unit, [DONE] if is_closed else kept.end, _NONE if is_closed else ())

    def _end(self, kept: Kept, over: Over) -> Message:
        error: CantorError
        if over.why == "never":
            error = NeedsError(
                f"can never be met: {over.text}",
                where=kept.terms.name,
                remedy="cantor resources shows what nodes have",
            )
        elif over.why == "lost":
            error = self._lost(kept, over.node)
        else:
            return _closed(kept.terms.name, "it was closed")
        return [FAILED, pack_failure(error)]

    def _loss(self, call: _Call, why: str) -> Message:
        if why == "cancelled":
            return [ENDED, why, None]
        if why == "lost":
            return [FAILED, pack_failure(self._lost(call.kept, None))]
        return call.kept.end

    def _lost(self, kept: Kept, node: NodeId | None) -> WorkerDiedError:
        which = "its node" if node is None else f"node {named(self._node, node)}, where it lived,"
        return WorkerDiedError(
            f"{which} was lost",
            where=kept.terms.name,
            remedy="allow it restarts, and its calls retries if they may run again",
        )

    def _forget(self, number: int) -> _Call:
        call = self._calls.pop(number)
        self._made.pop((call.node, call.life, call.name), None)
        return call

    def _tell(self, call: _Call, message: Message, parts: Parts) -> None:
        self._lines.tell(call.node, [CALLED, call.life, call.name, call.count, message], parts)
        call.count += 1


def _terms_there(terms: Terms) -> object:
    """What the node where an actor lives must know of a call."""
    return terms_value(replace(terms, actor="", retries=0, needs=""))


def _closed(where: str, what: str) -> Message:
    error = PoolClosedError(
        f"the actor answers no more: {what}", where=where, remedy="start it again"
    )
    return [FAILED, pack_failure(error)]
