"""What the ledger says of secrets: of the signed words about each, the highest holds."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.node.secrets.records import FACT, KIND, Record, SecretKey, key_of, record_from

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.services import Node

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Known:
    """A secret of the mesh: what holds, as it was signed, and what each node says that it keeps."""

    record: Record
    packed: bytes
    nodes: dict[NodeId, Record] = field(default_factory=dict)

    @property
    def holders(self) -> set[NodeId]:
        """The nodes that keep what holds."""
        return {node for node, one in self.nodes.items() if one == self.record and one.is_kept}


class SecretBook:
    """The secrets of this node's tenant, on the event loop only.

    A word that does not hold is told once in the log, and is as if it were not there.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._judged: dict[tuple[NodeId, str], tuple[object, Record | None]] = {}
        self.known: dict[SecretKey, Known] = {}

    def look(self) -> dict[SecretKey, Known]:
        """Read the ledger."""
        known: dict[SecretKey, Known] = {}
        judged: dict[tuple[NodeId, str], tuple[object, Record | None]] = {}
        for fact in self._node.facts(f"{FACT}{self._node.tenant}/"):
            key = key_of(fact.name)
            if key is None or not isinstance(fact.value, bytes):
                continue
            about = fact.owner, fact.name
            before = self._judged.get(about)
            is_judged = before is not None and before[0] == fact.value
            record = before[1] if before and is_judged else self._read(key, fact.value)
            judged[about] = fact.value, record
            if record is not None:
                _note(known, fact.owner, record, fact.value)
        self._judged, self.known = judged, known
        return known

    def _read(self, key: SecretKey, packed: bytes) -> Record | None:
        try:
            return record_from(self._node.words.read(packed, KIND), key)
        except CantorError as error:
            extra = {"what": key.name, "reason": str(error)}
            _log.warning("a word about a secret is refused", extra=extra)
            return None


def _note(known: dict[SecretKey, Known], node: NodeId, record: Record, packed: bytes) -> None:
    one = known.setdefault(record.key, Known(record, packed))
    one.nodes[node] = record
    if record.rank > one.record.rank:
        one.record, one.packed = record, packed
