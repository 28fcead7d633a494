"""How closed the code of a service runs here: at the level of who pushed it, as far as that shows.

An order tells who pushed what came before it, but its signer may say there what it likes. So a node
remembers which code it has seen pushed, and by whom: the signed word itself said so. What it has
not seen, such as code that was pushed before it joined, runs at the most closed level that counts.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError, RemoteProtocolError
from cantor.services.orders import KIND, order_from, pushed_by
from cantor.workers.sandbox.levels import LEVELS, more_closed

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.services.orders import Order, Pushes, Revision
    from cantor.workers.sandbox.levels import Level


def level_of(node: Node, order: Order, revision: Revision, seen: Pushes) -> Level:
    """The level of a revision that an order tells; ``seen`` is what this node has seen pushed."""
    sandboxes, by = node.sandboxes, pushed_by(revision)
    if order.is_push and revision == order.revision:
        return sandboxes.level_of(order.by)
    if (revision.bundle, by) in seen:
        return sandboxes.level_of(by)
    told = map(sandboxes.level_of, (by, order.by))
    level = reduce(more_closed, told, sandboxes.rules.others)
    if level == LEVELS[0]:
        return level  # nothing closes it more: a signature is not checked for it at each look
    return reduce(more_closed, map(sandboxes.level_of, _who_failed(node, order)), level)


def _who_failed(node: Node, order: Order) -> tuple[NodeId, ...]:
    """Who asked a canary to try what it has returned from."""
    if not order.proof:
        return ()
    try:
        word = node.words.read(order.proof, KIND)
        return (order_from(word.content, word.by).by,)
    except (IdentityError, RemoteProtocolError):
        return ()  # it is believed no more; others' level counts anyway
