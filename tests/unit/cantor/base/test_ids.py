from __future__ import annotations

import hashlib

import pytest

from cantor.base.ids import node_id_from_public_key, parse_node_id, short_name


def test_a_node_is_named_by_the_hash_of_its_public_key() -> None:
    node = node_id_from_public_key(b"key")

    assert node == hashlib.sha256(b"key").digest()[:16].hex()
    assert parse_node_id(node) == node
    assert node.startswith(short_name(node))


@pytest.mark.parametrize("text", ["", "abc", "G" * 32, "A" * 32, "a" * 33])
def test_what_is_no_node_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a node id"):
        parse_node_id(text)
