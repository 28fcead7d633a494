"""Actors on a virtual network: who keeps them, where they live, who calls, and all that goes wrong.

Each node keeps actors, lets those of others live on it, and calls any. An actor's state is the
calls that it has answered, in order; it travels with the answer to each. Workers die, also while a
call runs; nodes end and are cut off. Each call has one end at its caller. Once it is quiet, the
state has every call that was answered exactly once, those of each caller in the order in which they
were made: so no two lives have answered side by side. No life is left that nobody wants.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from tests.simulation.actor_parts import Box, Call, Kept, Living, Made, check
from tests.simulation.nodes import Nodes

from cantor.base.errors import LocalProtocolError
from cantor.scheduling.actors.keeping import Keeping
from cantor.scheduling.actors.life import Life
from cantor.scheduling.actors.ordering import Ordered
from cantor.scheduling.actors.records import (
    Answered,
    CallCancelled,
    Called,
    Closed,
    CommitCall,
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
from cantor.scheduling.tasks.hosting import Begin, Hosting, Key
from cantor.scheduling.tasks.records import Abort, Dropped, Hosts, Job, Refused, Run, Tick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.actor_parts import State

    from cantor.base.ids import NodeId
    from cantor.scheduling.actors.records import Effect, Event
    from cantor.scheduling.tasks.hosting import Effect as HostEffect

FAULTS = (
    "doubled", "late", "ended", "cut", "dropped", "worker died", "busy", "cancelled", "closed",
    "taken again", "line lost",
)  # fmt: skip
NODES = 4
ENDS = 0.6
"""Of the time, nodes end in so much."""
GIVEN_MAX = 4
"""So few that calls wait while a life goes on."""
ACTORS = 3
"""So many each node starts in each of its lives."""


class World(Nodes[Box]):
    """The nodes of one seed and what is going to happen to them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, NODES, Box)
        self.ends: Counter[str] = Counter()
        self.digest = hashlib.sha256()
        self.open: set[Made] = set()
        """Calls whose caller lives and waits."""
        self.addresses: list[str] = []
        for box in self.boxes.values():
            self.start(box)

    def begin(self, box: Box) -> None:
        """A node knows nothing, and starts a few actors."""
        box.keeping = Keeping(given_max=GIVEN_MAX)
        for each in ("calling", "hearing", "kept", "calls", "lives"):
            setattr(box, each, type(getattr(box, each))())
        box.hosting, box.numbers = Hosting(box.life), count(1)
        self.tell(box, Hosts(self.hosts(box)))
        for _ in range(ACTORS):
            self.begin_actor(box)
        self.tick(box, box.life)

    def begin_actor(self, box: Box) -> None:
        """A script starts an actor, which may begin anew as often as it wants."""
        number = next(box.numbers)
        address = f"{box.id}/{box.life}-{number}"
        box.kept[number] = Kept(number, address, retries=self.random.randrange(3))
        self.addresses.append(address)
        self.tell(box, Started(Job(number, parse(""), retries=1 << 30, is_nested=True)))

    def looked(self, box: Box) -> None:
        self.tell(box, Hosts(self.hosts(box)))
        for node, life in box.seen.items():
            for number in box.calling.seen(node, life):
                self.close(Made(box.id, box.life, number), "keeper lost")

    def lost(self, box: Box, node: NodeId) -> None:
        self.carry_out(box, box.hosting.gone(node), say=True)
        for number in box.calling.lost(node):
            self.close(Made(box.id, box.life, number), "keeper lost")
        for address, life, line in box.hearing.gone(node):
            self.fired["line lost"] += 1
            self.send(box, node, partial(self.line_lost, box.id, address, life, line))
        for number, call in list(box.calls.items()):
            if call.made.node == node:
                self.tell(box, Forgone(number))

    def ended(self, box: Box) -> None:
        self.open = {made for made in self.open if made.node != box.id}

    def tick(self, box: Box, life: int) -> None:
        """Time passes on a node."""
        if box.is_up and box.life == life:
            self.tell(box, Tick())
            self.at(0.1, partial(self.tick, box, life))

    def call(self) -> None:
        """A script, or a task, calls an actor by its handle."""
        box = self.random.choice(list(self.boxes.values()))
        address = self.random.choice(self.addresses[-ACTORS * NODES :])
        keeper = next(node for node in self.boxes if address.startswith(node))
        life = int(address.partition("/")[2].partition("-")[0])
        if not box.is_up or keeper not in box.seen:
            return
        made = Made(box.id, box.life, next(box.numbers))
        self.open.add(made)
        line, place = box.calling.call(made.number, keeper, life, address)
        self.send(box, keeper, partial(self.called, made, address, line, place), is_bulk=True)
        if self.random.random() < 0.05:
            self.at(self.random.random(), partial(self.call_off, box, keeper, made))

    def call_off(self, box: Box, keeper: NodeId, made: Made) -> None:
        """Nobody wants it any more."""
        if made not in self.open:
            return

        def hear(box: Box) -> None:
            number = next((n for n, call in box.calls.items() if call.made == made), None)
            if number is not None:
                self.fired["cancelled"] += 1
                self.tell(box, CallCancelled(number))

        self.send(box, keeper, hear)

    def close_actor(self) -> None:
        """Somebody ends an actor."""
        box = self.random.choice(list(self.boxes.values()))
        if box.is_up and box.kept:
            self.fired["closed"] += 1
            number = self.random.choice(list(box.kept))
            self.tell(box, Closed(number, kill=self.random.random() < 0.5))

    def called(self, made: Made, address: str, line: int, place: int, box: Box) -> None:
        """A call comes to a keeper."""
        kept = next((one for one in box.kept.values() if one.address == address), None)
        if kept is None:
            self.answer(box, made, "over")
            return
        for one in box.hearing.heard(made.node, made.life, address, line, place, made):
            number = next(box.numbers)
            box.calls[number] = Call(kept, one)
            self.tell(box, Called(kept.number, number, kept.retries))

    def line_lost(self, keeper: NodeId, address: str, life: int, line: int, box: Box) -> None:
        """A keeper had lost sight of a caller."""
        if life == box.life:
            for number in box.calling.line_lost(keeper, address, line):
                self.close(Made(box.id, life, number), "line lost")

    def tell(self, box: Box, event: Event) -> None:
        """Give a keeper an event and do what it wants."""
        if box.is_up:
            for effect in box.keeping.handle(event, self.now):
                self.follow(box, effect)

    def follow(self, box: Box, effect: Effect) -> None:
        """Do what a keeper wants."""
        match effect:
            case Run(node, life, actor, attempt):
                kept = box.kept[actor]
                kept.told = Ordered()
                key = Key(box.id, box.life, actor, attempt)
                self.send(box, node, partial(self.asked, key, life, kept.state), is_bulk=True)
            case Abort(node, actor, attempt):
                key = Key(box.id, box.life, actor, attempt)
                self.send(box, node, partial(self.called_off, key))
            case Invoke(node, actor, attempt, place, number):
                made, key = box.calls[number].made, Key(box.id, box.life, actor, attempt)
                self.send(box, node, partial(self.invoked, key, place, number, made), is_bulk=True)
            case Stop(node, actor, attempt, number):
                key = Key(box.id, box.life, actor, attempt)
                self.send(box, node, partial(self.stopped, key, number))
            case CommitCall(number):
                self.commit(box, box.calls.pop(number))
            case LoseCall(number, why):
                call = box.calls.pop(number)
                self.answer(box, call.made, why)
            case Over(actor):
                kept = box.kept.pop(actor)
                check(kept)
                for _, _, made in box.hearing.forget(kept.address):
                    self.answer(box, made, "over")

    def commit(self, box: Box, call: Call) -> None:
        """An answer counts, and the state with it."""
        kept = call.kept
        kept.state = call.state
        kept.answered.append(call.made)
        self.answer(box, call.made, "answered")

    def answer(self, box: Box, made: Made, how: str) -> None:
        """Tell a caller what became of its call."""

        def hear(how: str, caller: Box) -> None:
            if caller.life == made.life and caller.calling.told(box.id, made.number, 0, how):
                caller.calling.ended(made.number)
                self.close(made, how)

        lost = partial(hear, "answer lost")
        self.send(box, made.node, partial(hear, how), is_bulk=True, instead=lost)

    def close(self, made: Made, how: str) -> None:
        """The one end of a call."""
        if made not in self.open:
            raise LocalProtocolError("a call has ended twice", where=str(made))
        self.open.remove(made)
        self.ends[how] += 1
        self.digest.update(f"{self.now:.6f} {made} {how}".encode())

    def asked(self, key: Key, life: int, state: State, box: Box) -> None:
        """A node is asked to let an actor live."""
        for effect in box.hosting.asked(key, life):
            if not isinstance(effect, Begin):
                self.carry_out(box, (effect,))
            elif not self.is_quiet and self.chance(0.1, "busy"):
                box.hosting.ended(key)
                self.report(box, key, Refused(box.id, key.task, key.attempt, "busy"))
            else:
                living = box.lives[key] = Living(Life(checkpoint_calls=1), state)
                self.report(box, key, Lives(box.id, key.task, key.attempt), living)
                self.at(8.0 * self.random.random(), partial(self.fall, box, key, living))

    def called_off(self, key: Key, box: Box) -> None:
        """A node is asked to end a life."""
        self.carry_out(box, box.hosting.called_off(key))

    def carry_out(self, box: Box, effects: Iterable[HostEffect], *, say: bool = False) -> None:
        """Do what a node where actors live wants."""
        for effect in effects:
            box.lives.pop(effect.key, None)
            if say:
                key = effect.key
                self.report(box, key, Dropped(box.id, key.task, key.attempt))

    def invoked(self, key: Key, place: int, number: int, made: Made, box: Box) -> None:
        """A keeper gives a life a call."""
        living = box.lives.get(key)
        if living is not None:
            for call, what, _ in living.core.invoked(place, number, made):
                living.queue.append((call, what))
            self.go_on(box, key, living)

    def stopped(self, key: Key, number: int, box: Box) -> None:
        """A keeper wants a call no more: one that runs ends with its worker."""
        living = box.lives.get(key)
        if living is None or not living.core.called_off(number):
            return
        if living.is_busy and living.queue[0][0] == number:
            self.fall(box, key, living, is_wanted=True)
            return
        living.queue = [one for one in living.queue if one[0] != number]
        living.core.ended(number)

    def go_on(self, box: Box, key: Key, living: Living) -> None:
        """Run the next call."""
        if not living.is_busy and living.queue:
            living.is_busy = True
            self.at(0.1 * self.random.random(), partial(self.finish, box, key, living))

    def finish(self, box: Box, key: Key, living: Living) -> None:
        """A call has run: its answer and the state go out together."""
        if box.lives.get(key) is not living or not box.is_up:
            return
        living.is_busy = False
        number, made = living.queue.pop(0)
        living.state = (*living.state, made)
        living.core.ended(number)
        answered = Answered(box.id, key.task, key.attempt, number)
        self.report(box, key, answered, living, living.state)
        self.go_on(box, key, living)

    def fall(self, box: Box, key: Key, living: Living, *, is_wanted: bool = False) -> None:
        """The worker of an actor dies."""
        if box.lives.get(key) is not living or not box.is_up or (self.is_quiet and not is_wanted):
            return
        self.fired["worker died"] += not is_wanted
        fell = Fell(box.id, key.task, key.attempt, living.core.begun)
        del box.lives[key]
        box.hosting.ended(key)
        self.report(box, key, fell, living)

    def report(
        self,
        box: Box,
        key: Key,
        event: Event,
        living: Living | None = None,
        state: State | None = None,
    ) -> None:
        """Tell a keeper something of a life, in the order in which that was said."""
        place = 0 if living is None else next(living.told)

        def hear(keeper: Box) -> None:
            if keeper.life != key.life or not keeper.is_up:
                return
            if living is None:
                self.tell(keeper, event)
            elif keeper.keeping.counts(box.id, key.task, key.attempt):
                for one in keeper.kept[key.task].told.put(place, (event, state)):
                    self.of_life(keeper, *one)

        def give_up(keeper: Box) -> None:
            if keeper.life == key.life:
                self.tell(keeper, Dropped(box.id, key.task, key.attempt))

        self.send(box, key.node, hear, is_bulk=state is not None, instead=give_up)

    def of_life(self, keeper: Box, event: Event, state: State | None) -> None:
        """A life tells its keeper something, an answer with the state after it."""
        call = keeper.calls.get(event.call) if isinstance(event, Answered) else None
        if call is not None and state is not None:
            call.state = state
        self.tell(keeper, event)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    fired: Counter[str]
    ends: Counter[str]
    digest: str


def simulate(seed: int, *, seconds: float = 20.0) -> Outcome:
    """Trouble for a while, then quiet: all calls that still wait must end.

    Raises:
        LocalProtocolError: a call ended twice or waits for ever, or an actor has forgotten
            something, done it twice or in another order, or lives though nobody wants it.
    """
    world = World(seed)
    for _ in range(int(seconds * 40)):
        world.at(seconds * world.random.random(), world.call)
    for _ in range(int(seconds / 8)):
        world.at(seconds * world.random.random(), world.close_actor)
    for _ in range(int(seconds / 2)):
        box = world.random.choice(list(world.boxes.values()))
        world.at(ENDS * seconds * world.random.random(), partial(world.end, box))
        world.at(seconds * world.random.random(), world.cut)
    world.run(seconds)
    world.is_quiet = True
    world.run(seconds + 60.0)
    if world.open:
        raise LocalProtocolError(f"{len(world.open)} calls wait for ever", where=f"seed {seed}")
    kept = [one for box in world.boxes.values() for one in box.kept.values()]
    for one in kept:
        check(one)
    alive = sum(len(box.lives) for box in world.boxes.values())
    if alive != len(kept):
        raise LocalProtocolError(f"{alive} lives of {len(kept)} actors", where=f"seed {seed}")
    return Outcome(world.fired, world.ends, world.digest.hexdigest())
