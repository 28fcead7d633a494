"""How far attempts are on the node that has them: it is asked when somebody looks at their tasks.

A node has more attempts than workers, so that the way to it costs no throughput: which of them run,
it knows alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from cantor.node.tasks.running import Attempt
    from cantor.wire.frame import Value

STAGES_TOPIC = "tasks.stages"
STAGES_MAX = 2000
"""So many attempts a node tells another of."""
RUNS = "runs"
WAITS = {
    "code": "it waits for its code",
    "wheels": "it waits for its wheels",
    "units": "it waits for units that others use",
    "turn": "it waits for a worker",
}
"""What an attempt waits for that has not begun."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How far one is: it runs in a ``worker`` for so many seconds, 0 and None if not known."""

    life: int
    task: int
    attempt: int
    stage: str
    worker: int = 0
    for_s: float | None = None

    def as_value(self) -> list[Value]:
        """As msgpack types."""
        return [self.life, self.task, self.attempt, self.stage, self.worker, self.for_s]


def stage_of(attempt: Attempt, *, has_code: bool) -> Stage:
    """How far an attempt is here."""
    key = attempt.key
    stage, worker, for_s = _waits_for(attempt, has_code=has_code), 0, None
    if attempt.unit is not None and attempt.pools is not None:
        begun = attempt.pools.begun(attempt.unit)
        if begun is not None:
            stage, (worker, for_s) = RUNS, begun
    return Stage(key.life, key.task, key.attempt, stage, worker, for_s)


def stages_from(value: object) -> list[Stage]:
    """What another node says of attempts.

    Raises:
        RemoteProtocolError: it is nothing of the kind.
    """
    if not isinstance(value, list):
        raise RemoteProtocolError("no list of attempts")
    return [_stage(row) for row in value[:STAGES_MAX]]


def _waits_for(attempt: Attempt, *, has_code: bool) -> str:
    if not has_code:
        return "code"
    if attempt.waiting is None or attempt.waiting.done():
        return "turn"
    return "units" if attempt.reservation is not None else "wheels"


def _stage(row: Any) -> Stage:  # noqa: ANN401 (whatever the other node says)
    if not isinstance(row, list) or len(row) != 6:
        raise RemoteProtocolError("an odd row about an attempt")
    *numbers, stage, worker, for_s = row
    if any(type(number) is not int for number in (*numbers, worker)) or type(stage) is not str:
        raise RemoteProtocolError("an odd row about an attempt")
    if for_s is not None and (type(for_s) not in (int, float) or not 0 <= for_s < 1e9):
        raise RemoteProtocolError(f"an attempt that runs for {for_s!r:.40} seconds")
    life, task, attempt = numbers
    return Stage(life, task, attempt, stage, worker, for_s)
