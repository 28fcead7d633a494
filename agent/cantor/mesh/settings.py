"""What an administrator decides about a node's part in the mesh."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId

LINKS_MAX_DEFAULT = 4
LINKS_MAX_LEAST = 2


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """How many links a node keeps, and what they weigh.

    ``links_max`` is how many links it keeps when it may choose (at least 2). It dials one fewer of
    its own accord, and accepts up to four times as many for the moment in which others need them.
    ``weights`` multiply the measured cost of the links with these nodes: 2 makes one twice as dear.

    Raises:
        ConfigError: fewer than two links, or a weight that is not positive.
    """

    links_max: int = LINKS_MAX_DEFAULT
    weights: Mapping[NodeId, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.links_max < LINKS_MAX_LEAST:
            raise ConfigError(
                f"a node with at most {self.links_max} links",
                where="links_max",
                remedy=f"allow at least {LINKS_MAX_LEAST}: over one link a mesh does not heal",
            )
        if not all(0.001 <= weight <= 1000 for weight in self.weights.values()):
            raise ConfigError("a weight of a link", where="weights", remedy="use 0.001 to 1000")

    @property
    def links_wanted(self) -> int:
        """A node with fewer links than this dials."""
        return self.links_max - 1

    @property
    def links_hard_max(self) -> int:
        """A node with so many links refuses more."""
        return 4 * self.links_max
