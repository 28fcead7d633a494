"""Questions about chunks and their answers, as headers of messages and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId, parse_node_id
from cantor.bundles.code import is_id
from cantor.bundles.fetching.fetch import NODES_TOLD_MAX
from cantor.bundles.fetching.messages import Absent, Answer, Ask, Chunk, Elsewhere, Soon

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.node.services import Message
    from cantor.wire.frame import Value

_KINDS: dict[type, str] = {Chunk: "chunk", Elsewhere: "elsewhere", Soon: "soon", Absent: "absent"}


def ask_headers(ask: Ask) -> dict[str, Value]:
    """A question as headers."""
    return {"blob": ask.blob, "chunk": ask.chunk, "tried": list(ask.tried)}


def ask_from(message: Message) -> Ask:
    """The question in a message.

    Raises:
        RemoteProtocolError: there is none.
    """
    blob, chunk = _about(message.headers)
    return Ask(blob, chunk, _nodes(message.headers.get("tried")))


def answer_headers(answer: Answer) -> dict[str, Value]:
    """An answer as headers; the bytes of a chunk are the body."""
    nodes: list[Value] = list(answer.nodes) if isinstance(answer, Elsewhere) else []
    return {
        "kind": _KINDS[type(answer)],
        "blob": answer.blob,
        "chunk": answer.chunk,
        "nodes": nodes,
    }


def answer_from(message: Message) -> Answer:
    """The answer in a message.

    Raises:
        RemoteProtocolError: there is none.
    """
    blob, chunk = _about(message.headers)
    match message.headers.get("kind"), message.body:
        case "chunk", (data,):
            return Chunk(blob, chunk, data)
        case "elsewhere", _:
            return Elsewhere(blob, chunk, _nodes(message.headers.get("nodes")))
        case "soon", _:
            return Soon(blob, chunk)
        case "absent", _:
            return Absent(blob, chunk)
    raise RemoteProtocolError("an answer about a chunk that is none")


def _about(headers: dict[str, Value]) -> tuple[str, int]:
    blob, chunk = headers.get("blob"), headers.get("chunk")
    if not isinstance(blob, str) or not is_id(blob) or type(chunk) is not int:
        raise RemoteProtocolError("a message about no chunk")
    return blob, chunk


def _nodes(told: Value) -> tuple[NodeId, ...]:
    if not isinstance(told, list) or len(told) > NODES_TOLD_MAX:
        raise RemoteProtocolError("a list of nodes that is none, or too long")
    return tuple(_read(told))


def _read(told: Iterable[Value]) -> Iterable[NodeId]:
    for one in told:
        try:
            yield parse_node_id(one if isinstance(one, str) else "")
        except ValueError as error:
            raise RemoteProtocolError(f"a list of nodes: {error}") from error
