"""A box of the simulated replicas with its disk, and the state that its commands change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgpack
from tests.simulation.linearizability import Model, Queue, Register

from cantor.replication.sessions import Sessions

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.replication.core import Replica
    from cantor.replication.events import Standing, Write
    from cantor.replication.records import Kept

MODELS: dict[str, Model] = {"key": Register(), "queue": Queue()}


class Things:
    """Registers and queues by name: the machine of the group."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}

    def read(self, key: str) -> Any:  # noqa: ANN401 (whatever was written)
        return self.states.get(key, MODELS[key.partition(":")[0]].initial)

    def apply(self, command: bytes) -> bytes:
        key, name, arguments = msgpack.unpackb(command, use_list=False)
        model = MODELS[key.partition(":")[0]]
        self.states[key], answer = model.step(self.read(key), name, arguments)
        return bytes(msgpack.packb(answer))

    def snapshot(self) -> bytes:
        told = [
            (key, state if key.startswith("key") else (state[0], sorted(state[1])))
            for key, state in sorted(self.states.items())
        ]
        return bytes(msgpack.packb(told))

    def restore(self, data: bytes) -> None:
        told = msgpack.unpackb(data, use_list=False) if data else ()
        self.states = {
            key: state if key.startswith("key") else (state[0], frozenset(state[1]))
            for key, state in told
        }


@dataclass(slots=True, eq=False)
class Box:
    """One node: what is on its disk survives it, the rest does not."""

    id: NodeId
    kept: Kept
    rate: float
    offset: float = 0.0
    life: int = 0
    core: Replica | None = None
    things: Things = field(default_factory=Things)
    sessions: Sessions = field(default_factory=lambda: Sessions(Things()))
    standing: Standing | None = None
    writing: Write | None = None
    is_full: bool = False
    """Its disk refuses."""
    is_slow: bool = False
    is_gone: bool = False
    """It will never come back."""
    wake_at: float = 0.0
    tickets: dict[int, Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget all but the disk."""
        self.life += 1
        self.things = Things()
        self.sessions = Sessions(self.things)
        self.standing = self.writing = None
        self.tickets = {}

    def store(self, write: Write) -> None:
        """The disk takes a write, as a whole."""
        first, forget = write.first, write.forget
        entries = [one for one in self.kept.entries if forget < one.index < first]
        entries += [one for one in write.entries if one.index > forget]
        if entries and entries[-1].index - entries[0].index != len(entries) - 1:
            message = f"a gap in the log of {self.id[:2]}"
            raise AssertionError(message)
        self.kept = replace(
            self.kept, promised=write.promised, committed=max(write.committed, self.kept.committed),
            snapshot=write.snapshot or self.kept.snapshot, entries=tuple(entries),
        )  # fmt: skip
