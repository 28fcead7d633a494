"""What an administrator decides about a node's part in the mesh."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value

LINKS_MAX_DEFAULT = 4
LINKS_MAX_LEAST = 2
WEIGHT_MIN, WEIGHT_MAX = 0.001, 1000.0


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """How many links a node keeps, and what they weigh.

    ``links_max`` is how many links it keeps when it may choose (at least 2). It dials one fewer of
    its own accord, and accepts up to four times as many for the moment in which others need them.
    ``weights`` multiply the measured cost of the links with these nodes, each given by its id or
    its name: 2 makes one twice as dear.

    Raises:
        ConfigError: fewer than two links, or a weight that is not positive.
    """

    links_max: int = LINKS_MAX_DEFAULT
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.links_max < LINKS_MAX_LEAST:
            raise ConfigError(
                f"a node with at most {self.links_max} links",
                where="links_max",
                remedy=f"allow at least {LINKS_MAX_LEAST}: over one link a mesh does not heal",
            )
        for node, weight in self.weights.items():
            if not WEIGHT_MIN <= weight <= WEIGHT_MAX:
                raise ConfigError(
                    f"the weight {weight:g} of links with {node}",
                    where="weights",
                    remedy=f"use {WEIGHT_MIN:g} to {WEIGHT_MAX:g}",
                )

    def weight_of(self, node: NodeId, about: Value) -> float:
        """What links with a node weigh; ``about`` is its fact ``node``, which tells its name."""
        name = about.get("name") if isinstance(about, dict) else None
        named = self.weights.get(name, 1.0) if isinstance(name, str) else 1.0
        return self.weights.get(node, named)

    @property
    def links_wanted(self) -> int:
        """A node with fewer links than this dials."""
        return self.links_max - 1

    @property
    def links_hard_max(self) -> int:
        """A node with so many links refuses more."""
        return 4 * self.links_max
