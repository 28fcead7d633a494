"""``cantor.variables``: names and values that every node of the tenant has.

    with cantor.connect():
        cantor.variables.set("line/speed", 12)
        print(cantor.variables.get("line/speed"))
        for change in cantor.variables.watch("line/"):
            print(change.name, change.value)

``cantor.aio.variables`` is the same for ``await`` and ``async for``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cantor.base.errors import NotFoundError, RemoteProtocolError
from cantor.bundles.known import Known
from cantor.bundles.values import pack, unpack
from cantor.node.state.wording import ASK_S, WAIT_MAX_S
from cantor.state.asking import ask
from cantor.stores.packed import unpack_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from cantor.node.state.wording import Answer
    from cantor.tasks.future import Future
    from cantor.wire.frame import Buffer, Value

WAIT_S = WAIT_MAX_S / 2
_MISSING: Any = object()
_BEGIN: list[Value] = [0, 0, 0]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as it is. It was set ``at`` (UTC seconds) on the node whose id is ``by``."""

    name: str
    value: Any
    at: float
    by: str


@dataclass(frozen=True, slots=True)
class VariableChange:
    """What has become of a variable; ``value`` is None if it was deleted.

    ``missed`` is how many changes came before this one since the last look, as far as the node
    remembers.
    """

    name: str
    value: Any
    at: float
    by: str
    is_deleted: bool
    missed: int


class _Asked:
    """The questions about variables."""

    def __init__(self, *, types: Known | None = None, timeout_s: float = ASK_S) -> None:
        """``types`` are the classes that values may be of; others come as records. ``timeout_s``
        is how long a question may take.
        """
        self._types = types or Known()
        self._timeout_s = timeout_s

    def _ask(
        self,
        operation: str,
        read: Callable[[Answer], Any],
        value: Sequence[Buffer] = (),
        **args: Value,
    ) -> Future[Any]:
        return ask("var", operation, "", args, value, read=read, timeout_s=self._timeout_s)

    def _get(self, name: str) -> Future[Variable | None]:
        def read(answer: Answer) -> Variable | None:
            if not answer.headers:
                return None
            named, at, by, _ = _row(answer.headers.get("row"), 4)
            return Variable(named, self._value(answer.parts), at, by)

        return self._ask("get", read, k=name)

    def _set(self, name: str, value: object) -> Future[None]:
        buffers: list[Buffer] = []
        packed = pack(value, buffers, names=(name,), types=self._types)
        return self._ask("set", lambda _: None, (packed, *buffers), k=name)

    def _delete(self, name: str) -> Future[bool]:
        return self._ask("delete", lambda answer: answer.headers.get("was") is True, k=name)

    def _page(self, prefix: str, after: str) -> Future[tuple[list[Variable], bool]]:
        def read(answer: Answer) -> tuple[list[Variable], bool]:
            rows = _rows(answer, 4)
            if len(answer.parts) != len(rows):
                raise RemoteProtocolError("variables without their values", where=prefix)
            found = [
                Variable(name, self._value(unpack_parts(part)), at, by)
                for (name, at, by, _), part in zip(rows, answer.parts, strict=True)
            ]
            return found, answer.headers.get("more") is True

        return self._ask("list", read, p=prefix, after=after)

    def _changes(self, prefix: str, since: Value) -> Future[tuple[list[VariableChange], Value]]:
        def read(answer: Answer) -> tuple[list[VariableChange], Value]:
            rows = _rows(answer, 5)
            if len(answer.parts) != sum(not row[3] for row in rows):
                raise RemoteProtocolError("variables without their values", where=prefix)
            parts = iter(answer.parts)
            changes = [
                VariableChange(
                    name, None if gone else self._value(unpack_parts(next(parts))), at, by, gone,
                    missed,
                )
                for name, at, by, gone, missed in rows
            ]  # fmt: skip
            return changes, answer.headers.get("since")

        return self._ask("poll", read, p=prefix, since=since, wait=WAIT_S)

    def _value(self, parts: Sequence[Buffer]) -> Any:  # noqa: ANN401 (its own)
        if not parts:
            raise RemoteProtocolError("a variable without its value")
        return unpack(parts[0], parts[1:], classes=self._types)


class Variables(_Asked):
    """The variables of the tenant, for code that waits."""

    def get(self, name: str, default: Any = _MISSING) -> Any:  # noqa: ANN401 (its own)
        """The value of a variable as this node knows it, or ``default``.

        Raises:
            NotFoundError: it is not there, and there is no default.
            ConfigError: no variable can be called so.
            UnavailableError: this program is connected to no node.
        """
        return _or_default(name, self._get(name).result(), default)

    def find(self, name: str) -> Variable | None:
        """A variable with when and where it was set; None if it is not there."""
        return self._get(name).result()

    def set(self, name: str, value: object) -> None:
        """Set a variable on all nodes. It is on the disk of this one when this returns.

        Raises:
            NotSerialisable: the value cannot travel.
            ConfigError: no variable can be called so, or the value takes more than 64 KiB.
            UnavailableError: the tenant has as many as it may, or the clock of the node is wrong.
            StoreError: the disk does not take it; other nodes may have it all the same.
        """
        self._set(name, value).result()

    def delete(self, name: str) -> bool:
        """Delete a variable on all nodes; whether it was there. Raises as :meth:`set`."""
        return self._delete(name).result()

    def items(self, prefix: str = "") -> Iterator[Variable]:
        """The variables whose names begin so, in order; what changes meanwhile may be missing."""
        after, more = "", True
        while more:
            found, more = self._page(prefix, after).result()
            yield from found
            after = found[-1].name if found else ""

    def watch(self, prefix: str = "", *, with_present: bool = False) -> Iterator[VariableChange]:
        """What becomes of variables whose names begin so, from now on; it does not end by itself.

        A variable that changes several times before it is looked at comes once, as it is then.
        ``with_present``: all that is there comes first.

        Raises:
            MissedError: the node was started anew.
            UnavailableError: it ends, or cannot be reached.
        """
        since: Value = _BEGIN
        if not with_present:
            since = self._changes(prefix, None).result()[1]
        return self._watch(prefix, since)

    def _watch(self, prefix: str, since: Value) -> Iterator[VariableChange]:
        while True:
            changes, since = self._changes(prefix, since).result()
            yield from changes


class AsyncVariables(_Asked):
    """The variables of the tenant, for coroutines: as :class:`Variables`."""

    async def get(self, name: str, default: Any = _MISSING) -> Any:  # noqa: ANN401 (its own)
        """As :meth:`Variables.get`."""
        return _or_default(name, await self._get(name), default)

    async def find(self, name: str) -> Variable | None:
        """As :meth:`Variables.find`."""
        return await self._get(name)

    async def set(self, name: str, value: object) -> None:
        """As :meth:`Variables.set`."""
        await self._set(name, value)

    async def delete(self, name: str) -> bool:
        """As :meth:`Variables.delete`."""
        return await self._delete(name)

    async def items(self, prefix: str = "") -> AsyncIterator[Variable]:
        """As :meth:`Variables.items`."""
        after, more = "", True
        while more:
            found, more = await self._page(prefix, after)
            for variable in found:
                yield variable
            after = found[-1].name if found else ""

    async def watch(
        self, prefix: str = "", *, with_present: bool = False
    ) -> AsyncIterator[VariableChange]:
        """As :meth:`Variables.watch`; it begins with the first look."""
        since: Value = _BEGIN if with_present else None
        while True:
            changes, since = await self._changes(prefix, since)
            for change in changes:
                yield change


def status() -> dict[str, Any]:
    """How many variables there are, and whose clocks are too far off, as the node here sees it."""
    return ask("var", "status", "", {}, read=lambda answer: dict(answer.headers)).result()


def _row(row: Value, width: int) -> list[Any]:
    if type(row) is not list or len(row) != width:
        raise RemoteProtocolError("not a variable")
    return row


def _rows(answer: Answer, width: int) -> list[list[Any]]:
    rows = answer.headers.get("rows")
    if type(rows) is not list:
        raise RemoteProtocolError("not a page of variables")
    return [_row(row, width) for row in rows]


def _or_default(name: str, found: Variable | None, default: Any) -> Any:  # noqa: ANN401 (its own)
    if found is not None:
        return found.value
    if default is _MISSING:
        raise NotFoundError("there is no such variable", where=name, remedy="give a default")
    return default


variables = Variables()
async_variables = AsyncVariables()
