"""The actors that were started on this node: sent where they live, and calls of them passed on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError
from cantor.node.actors.endings import closed, end_of, loss_of
from cantor.node.actors.gone import Gone
from cantor.node.actors.kept import NOTHING, Kept, KeptCall, Told, handle_of
from cantor.node.actors.naming import Naming
from cantor.node.actors.remembering import Remembering
from cantor.node.tasks.listening import LAST
from cantor.node.tasks.places import hosts_of_actors
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
    SAID,
    terms_from,
    terms_value,
)
from cantor.scheduling.actors.calling import Hearing
from cantor.scheduling.actors.keeping import Keeping
from cantor.scheduling.actors.names import Named
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
from cantor.workers.failures import pack_failure
from cantor.workers.units import CLOSE, HOLDER, KILL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.node.tasks.codes import Codes
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.submits import Caller
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.actors.records import Effect, Event
    from cantor.scheduling.tasks.stories import Stories
    from cantor.workers.units import Passed, Terms


class Keeper:
    """On the event loop only."""

    def __init__(
        self, node: Node, lines: Lines, codes: Codes, numbers: Iterator[int], stories: Stories
    ) -> None:
        """``numbers`` are those of tasks and actors of this life; ``stories`` remembers them."""
        self._node = node
        self._lines = lines
        self._codes = codes
        self._numbers = numbers
        self._remembering = Remembering(node, stories)
        self._core = Keeping()
        self._hearing: Hearing[tuple[int, Terms, Parts]] = Hearing()
        self._kept: dict[int, Kept] = {}
        self._addresses: dict[str, Kept] = {}
        self._calls: dict[int, KeptCall] = {}
        self._made: dict[tuple[NodeId, int, int], KeptCall] = {}
        self._gone = Gone()
        self.naming = Naming(node, lines, self._beaten)
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
        number = next(self._numbers)
        story = self._remembering.started(number, terms, python)
        kept = Kept(number, terms.actor, caller, unit, code, terms, needs, parts, story)
        self._kept[kept.number] = self._addresses[kept.address] = kept
        self._codes.use(code)
        if terms.actor_name:
            self._claim(kept, python)
        else:
            self._begin(kept, python)
        return kept.number

    def _claim(self, kept: Kept, python: str) -> None:
        """It is to have a name; it begins when it has."""
        terms, since_ms = kept.terms, int(self._node.wall() * 1000)
        kept.named = Named(
            since_ms, kept.address, terms.name, terms.methods, terms.mode, terms.call_retries
        )
        kept.is_claiming = True
        try:
            self.naming.claim(
                terms.actor_name, kept.named, lambda holder: self._claimed(kept, python, holder)
            )
        except CantorError as error:
            kept.end = [FAILED, pack_failure(error)]
            self._begin_never(kept)

    def _claimed(self, kept: Kept, python: str, holder: Named) -> None:
        if kept.number not in self._kept:  # it was ended meanwhile
            self.naming.release(kept.terms.actor_name, kept.address)
            return
        if holder.address != kept.address:
            self._gone.beaten(kept.address, holder)
            kept.end = closed(kept.terms.name, "another has its name")
            self._begin_never(kept)
            return
        kept.is_claiming = False
        self._begin(kept, python)
        waiting, kept.before = kept.before, []
        for call in waiting:
            self._take_call(call)

    def _begin_never(self, kept: Kept) -> None:
        self._remembering.over(kept)
        self._leave(kept, kept.end)
        for call in (*kept.before, *kept.closing):
            self._tell(call, *self._gone.answer(kept.address, call.terms))
        kept.caller.told(kept.unit, kept.end, ())

    def _begin(self, kept: Kept, python: str) -> None:
        self._watch.refresh()
        terms = kept.terms
        job = Job(
            kept.number, kept.needs, terms.needs, python, terms.priority, terms.retries,
            is_nested=True, project=terms.project,
        )  # fmt: skip
        self._handle(Started(job))

    def _beaten(self, address: str) -> None:
        """Two parts of the mesh have come together, and the other one had the name for longer."""
        kept = self._addresses.get(address)
        if kept is not None:
            self._handle(Closed(kept.number, kill=True))

    def end(self, number: int) -> None:
        """End an actor now; nothing if that is none."""
        kept = self._kept.get(number)
        if kept is not None and kept.is_claiming:
            kept.end = closed(kept.terms.name, "it was closed")
            self._begin_never(kept)
        elif kept is not None:
            self._handle(Closed(number, kill=True))

    def leave(self, number: int) -> None:
        """Who started an actor has gone: it ends, unless it has a name."""
        kept = self._kept.get(number)
        if kept is not None and kept.named is None:
            self.end(number)

    def changed(self, lost: frozenset[NodeId]) -> None:
        """Facts or nodes have changed; ``lost`` can be reached no more."""
        for node in lost:
            for address, life, line in self._hearing.gone(node):
                self._lines.tell(node, [LINE_LOST, address, life, line])
            for call in [one for one in self._calls.values() if one.node == node]:
                self._handle(Forgone(call.number))
        self.naming.changed()
        self._watch.changed(is_urgent=bool(lost))

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
            what, its_parts = self._gone.answer(address, call[1])
            self._lines.tell(node, [CALLED, life, name, 0, what], its_parts)
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
        for one in kept.told.put(place, Told(told)):
            self._take_told(kept, node, attempt, one)

    def heard_refused(self, node: NodeId, message: Message, _: Parts) -> None:
        """A node does not let an actor live there."""
        _, life, number, attempt, why, text = message
        if life == self._node.life:
            is_busy = why == "busy"
            if self._core.counts(node, number, attempt):
                self._remembering.left(self._kept[number], "refused", str(text))
            self._handle(Refused(node, number, attempt, "busy" if is_busy else "unfit", str(text)))

    def heard_dropped(self, node: NodeId, message: Message, _: Parts) -> None:
        """A node has ended a life, because it could not reach this one."""
        _, life, number, attempt = message
        if life == self._node.life:
            self._handle(Dropped(node, number, attempt))

    def heard_invoked(self, node: NodeId, message: Message, parts: Parts) -> None:
        """A life tells what becomes of a call: only the latest counts."""
        _, life, number, attempt, place, name, what, own = message
        kept = self._kept.get(number)
        if kept is None or life != self._node.life or not self._core.counts(node, number, attempt):
            return
        told = Told(what, int(name), parts[:own], parts[own:])
        for one in kept.told.put(place, told):
            self._take_told(kept, node, attempt, one)

    def _take(
        self, node: NodeId, life: int, address: str, name: int, terms: Terms, parts: Parts
    ) -> None:
        kept = self._addresses[address]
        call = KeptCall(next(self._numbers), kept, node, life, name, terms, parts)
        if kept.is_claiming:
            kept.before.append(call)
        else:
            self._take_call(call)

    def _take_call(self, call: KeptCall) -> None:
        kept, terms = call.kept, call.terms
        if kept.number not in self._kept:
            self._tell(call, kept.end, ())
        elif terms.method == HOLDER and kept.named is not None:
            self._tell(call, *handle_of(kept.named))
        elif terms.method in (CLOSE, KILL):
            kept.closing.append(call)
            self._handle(Closed(kept.number, kill=terms.method == KILL))
        else:
            self._calls[call.number] = self._made[call.node, call.life, call.name] = call
            self._handle(Called(kept.number, call.number, terms.retries))

    def _take_told(self, kept: Kept, node: NodeId, attempt: int, told: Told) -> None:
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
        self._remembering.told(kept, told.what)
        if told.what[0] not in LAST:
            self._tell(call, told.what, told.parts)
            return
        call.last = told.what, told.parts
        self._handle(Answered(node, kept.number, attempt, call.number))

    def _life_told(self, kept: Kept, node: NodeId, attempt: int, told: Message) -> None:
        if told[0] == LIVES:
            self._remembering.lives(kept, attempt)
            if kept.terms.is_place:
                kept.caller.told(kept.unit, [SAID, 1.0, ""], ())
            self._handle(Lives(node, kept.number, attempt))
        elif told[0] == FAILED:
            kept.end = told
            self._remembering.fell(kept)
            self._handle(Failed(node, kept.number, attempt))
        elif told[0] == FELL:
            _, end, death, begun = told
            kept.end = [ENDED, end, death]
            self._remembering.fell(kept)
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
                if number in self._kept and self._core.where(number)[1]:  # it waits again
                    self._remembering.left(self._kept[number], "lost")
            case Invoke(node, number, attempt, place, name):
                call = self._calls[name]
                self._remembering.called(call.kept, attempt)
                message = [INVOKE, me, number, attempt, place, name, _terms_there(call.terms)]
                self._lines.tell(node, message, call.parts)
            case Stop(node, number, attempt, name):
                self._lines.tell(node, [INVOKE_OFF, me, number, attempt, name])
            case CommitCall(name):
                call = self._forget(name)
                self._tell(call, *call.last)
            case LoseCall(name, why):
                call = self._forget(name)
                self._tell(call, loss_of(self._node, call, why), ())
            case Over():
                self._over(self._kept[effect.actor], effect)

    def _run(self, kept: Kept, run: Run) -> None:
        kept.told = Ordered()
        self._remembering.sent(kept, run)
        self._codes.send_ahead(run.node, kept.code)
        terms = replace(kept.terms, restore_from=len(kept.parts) if kept.state else 0)
        attempt = (self._node.life, kept.number, run.attempt)
        message = [RUN, *attempt, run.life, kept.code.id, terms_value(terms), run.may_wait]
        self._lines.tell(run.node, message, (*kept.parts, *kept.state))

    def _over(self, kept: Kept, over: Over) -> None:
        if over.why not in ("died", "failed"):
            kept.end = end_of(self._node, kept, over)
        is_closed = over.why == "closed"
        self._remembering.over(kept, is_closed=is_closed)
        self._leave(kept, kept.end)
        for call in kept.closing:
            self._tell(call, [DONE], NOTHING)
        kept.caller.told(kept.unit, [DONE] if is_closed else kept.end, NOTHING if is_closed else ())

    def _leave(self, kept: Kept, end: Message) -> None:
        """It is no more; what calls of it hear from now on."""
        del self._kept[kept.number], self._addresses[kept.address]
        self._codes.release(kept.code)
        if kept.named is not None:
            self.naming.release(kept.terms.actor_name, kept.address)
        self._gone.ended(kept.address, end)
        for node, life, (name, _, _) in self._hearing.forget(kept.address):
            self._lines.tell(node, [CALLED, life, name, 0, end])

    def _forget(self, number: int) -> KeptCall:
        call = self._calls.pop(number)
        self._made.pop((call.node, call.life, call.name), None)
        return call

    def _tell(self, call: KeptCall, message: Message, parts: Parts) -> None:
        self._lines.tell(call.node, [CALLED, call.life, call.name, call.count, message], parts)
        call.count += 1


def _terms_there(terms: Terms) -> object:
    """What the node where an actor lives must know of a call."""
    return terms_value(replace(terms, actor="", retries=0, needs=""))
