"""What names an object wherever it is spoken of: the node that owns it, and 16 random bytes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cantor.base.ids import NodeId, parse_node_id

KEY_BYTES = 16
_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """An object: ``owner`` is the id of the node that keeps it, ``key`` 32 hexadecimal digits.

    It is plain data: it can be an argument of a task, a value under a key, or wait in a queue.
    """

    owner: NodeId
    key: str

    def __post_init__(self) -> None:
        parse_node_id(self.owner)
        if len(self.key) != 2 * KEY_BYTES or not _DIGITS.issuperset(self.key):
            message = f"not the key of an object: {self.key[:40]!r}"
            raise ValueError(message)

    def __str__(self) -> str:
        return f"{self.owner}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> ObjectRef:
        """What ``str`` made of a reference.

        Raises:
            ValueError: it made something else.
        """
        owner, _, key = text.partition("/")
        return cls(NodeId(owner), key)

    @classmethod
    def fresh(cls, owner: NodeId) -> ObjectRef:
        """A reference that nothing has yet."""
        return cls(owner, secrets.token_hex(KEY_BYTES))
