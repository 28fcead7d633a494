"""The value of a secret as it is sealed: with a word of who has set it, so that nobody plants one.

Whoever keeps a copy seals it anew for the next node. The word stays that of who has set it, and is
never seen outside of a box: it holds a hash.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import msgpack

from cantor.base.errors import IdentityError, RemoteProtocolError
from cantor.base.secret_names import VALUE_BYTES_MAX

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.secrets.records import Record
    from cantor.node.services import Words

KIND = "secret-value"
KEY_KIND = "sealing-key"


def wrapped(words: Words, record: Record, value: bytes) -> bytes:
    """What is sealed: the value, and that this node has set it."""
    word = words.say(KIND, _about(record, value))
    packed: bytes = msgpack.packb([word, value])
    return packed


def unwrapped(words: Words, record: Record, content: bytes) -> bytes:
    """The value that was sealed.

    Raises:
        RemoteProtocolError: it is not what whoever has signed the record has set.
    """
    try:
        packed, value = msgpack.unpackb(content)
        word = words.read(packed, KIND)
        if not isinstance(value, bytes) or len(value) > VALUE_BYTES_MAX or word.by != record.by:
            raise TypeError
        told, about = word.content, _about(record, value)
        if not hmac.compare_digest(msgpack.packb(dict(told)), msgpack.packb(about)):
            raise TypeError
    except (ValueError, TypeError, IdentityError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(
            "a value that is not the one that was set", where=record.key.name
        ) from error
    return value


def seal_about(record: Record, node: NodeId) -> bytes:
    """What a box with a version for a node is about."""
    packed: bytes = msgpack.packb([*record.key, record.version, record.by, node])
    return packed


def _about(record: Record, value: bytes) -> dict[str, str | int | bytes]:
    return {
        "tenant": record.key.tenant,
        "project": record.key.project,
        "name": record.key.name,
        "version": record.version,
        "digest": hashlib.sha256(value).digest(),
    }
