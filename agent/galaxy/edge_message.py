"""What the two ends of a connection tell each other over the mesh."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from cantor.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer, DataFrame, Value

    EdgeKind = Literal["frame", "grant", "end"]

KINDS = ("frame", "grant", "end")
NAME_LENGTH_MAX = 1024
NUMBER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class EdgeMessage:
    """A frame, a grant of credit, or the end.

    ``epoch`` is that of the author's run; ``number`` that of the frame, how many frames are done
    with (grant), or how many there were (end).
    """

    kind: EdgeKind
    connection: str
    epoch: int
    number: int
    headers: dict[str, Value] = field(default_factory=dict)
    body: tuple[Buffer, ...] = ()

    def packed_headers(self) -> dict[str, Value]:
        """Everything but the body, as msgpack values."""
        return {
            "kind": self.kind,
            "connection": self.connection,
            "epoch": self.epoch,
            "number": self.number,
            "headers": self.headers,
        }

    @classmethod
    def unpack(cls, frame: DataFrame) -> EdgeMessage:
        """From a frame whose headers hold :meth:`packed_headers`, and perhaps more.

        Raises:
            RemoteProtocolError: it holds something else.
        """
        kind, connection = frame.headers.get("kind"), frame.headers.get("connection")
        if kind not in KINDS:
            raise RemoteProtocolError(f"an edge message of the unknown kind {str(kind)[:40]!r}")
        if not isinstance(connection, str) or len(connection) > NAME_LENGTH_MAX:
            raise RemoteProtocolError("an edge message that names no connection")
        headers = frame.headers.get("headers")
        if not isinstance(headers, dict) or not all(isinstance(key, str) for key in headers):
            raise RemoteProtocolError("an edge message without headers")
        return cls(
            cast("EdgeKind", kind),
            connection,
            natural(frame.headers, "epoch"),
            natural(frame.headers, "number"),
            headers,
            frame.body,
        )


def natural(headers: dict[str, Value], key: str) -> int:
    """The number under ``key``, 0 or more.

    Raises:
        RemoteProtocolError: there is none.
    """
    value = headers.get(key)
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise RemoteProtocolError(f"an edge message without a usable {key!r}")
    return value
