"""What callers hear of an actor that has ended, and of calls that have no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.node.tasks.places import named
from cantor.node.tasks.wording import ENDED, FAILED
from cantor.scheduling.reach import never_met
from cantor.workers.errors import PoolClosedError, WorkerDiedError
from cantor.workers.failures import pack_failure

if TYPE_CHECKING:
    from cantor.base.errors import CantorError
    from cantor.base.ids import NodeId
    from cantor.node.actors.kept import Kept, KeptCall
    from cantor.node.services import Node
    from cantor.node.tasks.wording import Message
    from cantor.scheduling.actors.records import Loss, Over


def end_of(node: Node, kept: Kept, over: Over) -> Message:
    """What calls of an actor hear that has ended."""
    error: CantorError
    if over.why == "never":
        error = never_met(over.text, where=kept.terms.name)
    elif over.why == "lost":
        error = _lost(node, kept, over.node)
    else:
        return closed(kept.terms.name, "it was closed")
    return [FAILED, pack_failure(error)]


def loss_of(node: Node, call: KeptCall, why: Loss) -> Message:
    """What a call hears that has no answer."""
    if why == "cancelled":
        return [ENDED, why, None]
    if why == "lost":
        return [FAILED, pack_failure(_lost(node, call.kept, None))]
    return call.kept.end


def _lost(node: Node, kept: Kept, lost: NodeId | None) -> WorkerDiedError:
    which = "its node" if lost is None else f"node {named(node, lost)}, where it lived,"
    return WorkerDiedError(
        f"{which} was lost",
        where=kept.terms.name,
        remedy="allow it restarts, and its calls retries if they may run again",
    )


def answer_lost() -> Message:
    """What a caller hears whose answer was given up on its way."""
    error = WorkerDiedError(
        "the answer of an actor was lost on its way: its node could not be reached for a while",
        remedy="the call has run",
    )
    return [FAILED, pack_failure(error)]


def closed(where: str, what: str) -> Message:
    """What calls of an actor hear that nobody can reach any more."""
    error = PoolClosedError(
        f"the actor answers no more: {what}", where=where, remedy="start it again"
    )
    return [FAILED, pack_failure(error)]
