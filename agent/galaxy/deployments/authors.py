"""Who has deployed a pipeline, as far as that is proven, and how closed its filters run for it.

A deployment names its author, but every node may publish a copy of one, and so may write what it
likes there. So the author publishes ``author/<id>`` beside it: a hash of project and pipeline. A
fact proves who published it. What nobody vouches for runs at the most closed level that counts.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

from cantor.workers.sandbox.levels import more_closed

if TYPE_CHECKING:
    from collections.abc import Collection

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.workers.sandbox.levels import Level
    from galaxy.deployments.records import Deployment

AUTHOR = "author/"


class Authors:
    """What this node vouches for, and what others do."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def vouch(self, deployment: Deployment) -> None:
        """Say that this node has deployed it.

        Raises:
            LocalProtocolError: this node says too much already.
        """
        name = AUTHOR + deployment.id
        self._node.publish(name, hash_of(deployment), lasting=True)

    def level_of(self, deployment: Deployment) -> Level:
        """At which level filters that are no part of Cantor Edge run for it on this node."""
        sandboxes = self._node.sandboxes
        level = sandboxes.level_of(cast("NodeId", deployment.created_by))
        if self.is_proven(deployment):
            return level
        return more_closed(level, sandboxes.rules.others)

    def has_deployed(self, node: NodeId, deployment: Deployment) -> bool:
        """Whether it is proven that this node has deployed it."""
        return node == deployment.created_by and self.is_proven(deployment)

    def tenant_of(self, deployment: Deployment) -> str:
        """Whose it is: the tenant of the node that is proven to have deployed it, else this one's.

        What it says of its tenant itself does not count: each node may publish it.
        """
        is_proven, author = self.is_proven(deployment), cast("NodeId", deployment.created_by)
        return (self._node.tenant_of(author) if is_proven else "") or self._node.tenant

    def forget(self, kept: Collection[str]) -> None:
        """Vouch for these deployments alone from now on."""
        for fact in self._node.facts(AUTHOR):
            if fact.owner == self._node.node_id and fact.name.removeprefix(AUTHOR) not in kept:
                self._node.publish(fact.name, None, lasting=True)

    def is_proven(self, deployment: Deployment) -> bool:
        """Whether whom it names as its author has deployed it, in that project."""
        wanted = AUTHOR + deployment.id, deployment.created_by
        told = (one.value for one in self._node.facts(wanted[0]) if (one.name, one.owner) == wanted)
        return hash_of(deployment) in told


def hash_of(deployment: Deployment) -> str:
    """The hash of what is deployed for whom, whatever the order of the document's keys."""
    about = {"project": deployment.project, "pipeline": deployment.pipeline}
    text = json.dumps(about, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
