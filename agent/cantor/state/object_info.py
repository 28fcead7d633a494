"""What the owner of an object says of it, read by a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.base.object_ref import ObjectRef

if TYPE_CHECKING:
    from cantor.node.state.wording import Answer
    from cantor.wire.frame import Value


@dataclass(frozen=True, slots=True)
class Info:
    """What its owner says of an object.

    ``size`` is in bytes on its disk, ``at`` when this version was put and ``until`` when it goes by
    itself, in UTC seconds. ``holds`` counts the tasks that use it, ``holders`` are the nodes that
    have been given copies. ``is_value``: it was put as a value, not as bytes.
    """

    ref: ObjectRef
    name: str
    version: int
    size: int
    at: float
    until: float | None
    is_until_read: bool
    is_value: bool
    holds: int
    holders: tuple[NodeId, ...] = ()


def row_in(answer: Answer) -> Value:
    """The row of an object."""
    return answer.headers.get("row")


def owner_in(answer: Answer) -> NodeId:
    """The node that has answered."""
    return NodeId(str(answer.headers.get("o")))


def page_in(answer: Answer) -> tuple[list[Info], bool]:
    """A page of a list, and whether more follow.

    Raises:
        RemoteProtocolError: it is none.
    """
    rows = answer.headers.get("rows")
    if type(rows) is not list:
        raise RemoteProtocolError("not a page of objects")
    return [info_of(row, owner_in(answer)) for row in rows], answer.headers.get("more") is True


def info_of(row: Value, owner: NodeId, holders: Value = None) -> Info:
    """What a row says.

    Raises:
        RemoteProtocolError: it is none.
    """
    if type(row) is not list or len(row) != 9:
        raise RemoteProtocolError("not an object")
    key, name, version, size, at, until, is_once, layout, holds = row
    try:
        ref = ObjectRef(owner, str(key))
        nodes = tuple(NodeId(str(node)) for node in holders) if isinstance(holders, list) else ()
        return Info(
            ref, str(name), int(version), int(size), float(at),  # type: ignore[arg-type]
            None if until is None else float(until), bool(is_once), bool(layout), int(holds), nodes,  # type: ignore[arg-type]
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise RemoteProtocolError(f"not an object: {error}") from error
