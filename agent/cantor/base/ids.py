"""Identifiers. A node is named by the hash of its public key, so nobody can take another's name."""

from __future__ import annotations

import hashlib
from typing import NewType

NodeId = NewType("NodeId", str)
"""32 lower-case hexadecimal digits: the start of SHA-256 over the key's SubjectPublicKeyInfo."""

NODE_ID_BYTES = 16
BROADCAST = NodeId("f" * (2 * NODE_ID_BYTES))
"""The destination that means every node."""


def node_id_from_public_key(spki_der: bytes) -> NodeId:
    """The id of the node that holds the key whose DER SubjectPublicKeyInfo is given."""
    return NodeId(hashlib.sha256(spki_der).hexdigest()[: 2 * NODE_ID_BYTES])


def parse_node_id(text: str) -> NodeId:
    """Check that ``text`` is a node id.

    Raises:
        ValueError: it is not 32 lower-case hexadecimal digits.
    """
    if len(text) != 2 * NODE_ID_BYTES or set(text) - set("0123456789abcdef"):
        message = f"not a node id: {text[:40]!r}"
        raise ValueError(message)
    return NodeId(text)


def short_name(node: NodeId) -> str:
    """The first eight digits: what people see where no name was given."""
    return node[:8]
