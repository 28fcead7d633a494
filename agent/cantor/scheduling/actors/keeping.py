"""The keeper's side of actors: where each lives, which calls it is given, and whose answers count.

The keeper is the node where an actor was started. Only it begins lives, one after the other, each
with a higher number: its *attempt*, which with the keeper's own life is a fencing token. Calls
reach a life only from its keeper, and only what the latest life answers counts. So it does not
matter what a former life still does or says that nobody could reach to end it.

Calls are given in the order in which they came here. When a life has ended, those that cannot have
begun go to the next one, before all others; one that may have run is lost, unless it may run again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.scheduling.actors.records import (
    Answered,
    CallCancelled,
    Called,
    Closed,
    CommitCall,
    Effect,
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
from cantor.scheduling.tasks.dispatch import Dispatch
from cantor.scheduling.tasks.records import (
    Abort,
    Cancelled,
    Commit,
    Died,
    Ended,
    GiveUp,
    Run,
    Submitted,
)

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.scheduling.actors.records import Event, Loss, Why
    from cantor.scheduling.tasks import records as tasks

GIVEN_MAX = 1000
EVERYTHING = 1 << 62
"""The place before which any call may have begun."""


@dataclass(slots=True)
class _Call:
    number: int
    retries: int
    tries: int = 0
    """How often it may have run."""
    place: int = 0
    is_wanted: bool = True


@dataclass(slots=True)
class _Actor:
    number: int
    is_living: bool = False
    is_closing: bool = False
    waiting: deque[_Call] = field(default_factory=deque)
    given: OrderedDict[int, _Call] = field(default_factory=OrderedDict)
    places: int = 0
    """Calls that this life was given."""


class Keeping:
    """The actors that were started at one node."""

    def __init__(self, given_max: int = GIVEN_MAX) -> None:
        """So many calls are given to a life before it has answered the first of them."""
        self._given_max = given_max
        self._dispatch = Dispatch()
        self._actors: dict[int, _Actor] = {}
        self._calls: dict[int, _Actor] = {}
        self._effects: list[Effect] = []

    @property
    def due(self) -> float:
        """When :class:`Tick` must be told next."""
        return self._dispatch.due

    def counts(self, node: NodeId, actor: int, attempt: int) -> bool:
        """Whether what a node says of a life concerns anybody."""
        return self._dispatch.counts(node, actor, attempt)

    def where(self, actor: int) -> tuple[NodeId | None, int]:
        """The node that has an actor, if any, and which life that is."""
        return self._dispatch.where(actor)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take note of what happened; what shall be done, in order."""
        effects: list[Effect] = []
        self._effects = effects
        match event:
            case Called(number, call, retries):
                self._called(number, _Call(call, retries))
            case Answered():
                self._answered(event, now)
            case CallCancelled(call):
                self._cancelled(call, now)
            case Forgone(call):
                self._forgone(call, now)
            case Started() | Closed():
                self._wanted(event, now)
            case Lives() | Fell() | Failed():
                if self.counts(event.node, event.actor, event.attempt):
                    self._told(event, now)
            case _:
                self._pass_on(event, now)
        return effects

    def _wanted(self, event: Started | Closed, now: float) -> None:
        """Somebody wants an actor, or wants it no more."""
        match event:
            case Started(job):
                self._actors[job.id] = _Actor(job.id)
                self._pass_on(Submitted(job), now)
            case Closed(number, kill):
                self._closed(number, now, kill=kill)

    def _told(self, event: Lives | Fell | Failed, now: float) -> None:
        """The latest life tells something."""
        node, number, attempt = event.node, event.actor, event.attempt
        actor = self._actors[number]
        match event:
            case Lives():
                actor.is_living = True
                self._give(actor)
            case Fell():
                self._fell(actor, event.begun, "died")
                self._pass_on(Died(node, number, attempt), now, end="died")
            case Failed():
                self._pass_on(Ended(node, number, attempt), now, end="failed")

    def _pass_on(self, event: tasks.Event, now: float, *, end: Why = "closed") -> None:
        """Let the dispatch decide where lives begin; ``end`` is why one ends for good by that."""
        for effect in self._dispatch.handle(event, now):
            match effect:
                case Run():
                    self._effects.append(effect)
                case Abort(_, number, _):
                    self._fell(self._actors[number], EVERYTHING, "lost")
                    self._effects.append(effect)
                case Commit(number, _):
                    self._over(Over(number, end))
                case GiveUp(number, why, text, node):
                    whys: dict[str, Why] = {"lost": "lost", "never": "never"}
                    self._over(Over(number, whys.get(why, "closed"), text, node))

    def _called(self, number: int, call: _Call) -> None:
        actor = self._actors.get(number)
        if actor is None or actor.is_closing:
            self._effects.append(LoseCall(call.number, "over"))
            return
        self._calls[call.number] = actor
        actor.waiting.append(call)
        self._give(actor)

    def _give(self, actor: _Actor) -> None:
        node, attempt = self._dispatch.where(actor.number)
        if node is None or not actor.is_living:
            return
        while actor.waiting and len(actor.given) < self._given_max:
            call = actor.waiting.popleft()
            call.place = actor.places
            actor.places += 1
            actor.given[call.number] = call
            self._effects.append(Invoke(node, actor.number, attempt, call.place, call.number))

    def _answered(self, answered: Answered, now: float) -> None:
        if not self.counts(answered.node, answered.actor, answered.attempt):
            return
        actor = self._actors[answered.actor]
        call = actor.given.pop(answered.call, None)
        if call is None:
            return
        del self._calls[call.number]
        self._effects.append(CommitCall(call.number))
        self._give(actor)
        self._end_if_idle(actor, now)

    def _cancelled(self, number: int, now: float) -> None:
        actor = self._calls.get(number)
        if actor is None:
            return
        node, attempt = self._dispatch.where(actor.number)
        if node is not None and number in actor.given:
            self._effects.append(Stop(node, actor.number, attempt, number))
        self._leave(actor, number)
        self._effects.append(LoseCall(number, "cancelled"))
        self._give(actor)
        self._end_if_idle(actor, now)

    def _forgone(self, number: int, now: float) -> None:
        actor = self._calls.get(number)
        if actor is None:
            return
        if number in actor.given:
            actor.given[number].is_wanted = False
            return
        self._leave(actor, number)
        self._effects.append(LoseCall(number, "cancelled"))
        self._end_if_idle(actor, now)

    def _leave(self, actor: _Actor, number: int) -> None:
        del self._calls[number]
        if actor.given.pop(number, None) is None:
            actor.waiting = deque(call for call in actor.waiting if call.number != number)

    def _closed(self, number: int, now: float, *, kill: bool) -> None:
        actor = self._actors.get(number)
        if actor is None:
            return
        actor.is_closing = True
        if kill:
            actor.waiting.extendleft(reversed(actor.given.values()))
            actor.given.clear()
            self._pass_on(Cancelled(number), now)
        else:
            self._end_if_idle(actor, now)

    def _end_if_idle(self, actor: _Actor, now: float) -> None:
        if actor.is_closing and not actor.waiting and not actor.given:
            self._pass_on(Cancelled(actor.number), now)

    def _fell(self, actor: _Actor, begun: int, why: Loss) -> None:
        """A life has ended: what it was given goes to the next, or is lost."""
        back: list[_Call] = []
        for call in actor.given.values():
            may_have_run = call.place < begun
            call.tries += may_have_run
            if call.is_wanted and (not may_have_run or call.tries <= call.retries):
                back.append(call)
                continue
            del self._calls[call.number]
            self._effects.append(LoseCall(call.number, why))
        actor.given.clear()
        actor.waiting.extendleft(reversed(back))
        actor.is_living, actor.places = False, 0

    def _over(self, over: Over) -> None:
        actor = self._actors.pop(over.actor)
        self._effects.append(over)
        for call in (*actor.given.values(), *actor.waiting):
            del self._calls[call.number]
            self._effects.append(LoseCall(call.number, "over"))
