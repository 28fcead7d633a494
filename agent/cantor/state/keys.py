"""``cantor.kv``: keys and values that a node keeps, for programs on any node of its tenant.

    with cantor.connect():
        settings = cantor.kv("berlin-1", "settings")
        revision = settings.set("line/4", {"speed": 12})
        settings.set("line/4", {"speed": 13}, expect=revision)  # ConflictError if it was changed
        for change in settings.watch("line/"):
            print(change.key, change.value)

``cantor.aio.kv`` is the same for ``await`` and ``async for``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cantor.base.errors import NotFoundError, RemoteProtocolError
from cantor.bundles.known import Known
from cantor.bundles.values import pack, unpack
from cantor.node.state.wording import ASK_S, WAIT_MAX_S, check_value
from cantor.state.asking import ask
from cantor.stores.packed import unpack_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from cantor.node.state.wording import Answer, Args
    from cantor.tasks.future import Future
    from cantor.wire.frame import Buffer, Value

STORE_DEFAULT = "default"
WAIT_S = WAIT_MAX_S / 2
_MISSING: Any = object()
_BEGIN: list[Value] = ["", 0, 0]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value. ``revision`` is new with each change of any key on that node, ``at``
    when the key was set, in UTC seconds.
    """

    key: str
    value: Any
    revision: int
    at: float


@dataclass(frozen=True, slots=True)
class Change:
    """What has become of a key; ``value`` is None if it was deleted."""

    key: str
    value: Any
    revision: int
    at: float
    is_deleted: bool


class _Asked:
    """The questions about one store of one node."""

    def __init__(
        self,
        node: str = "",
        store: str = STORE_DEFAULT,
        *,
        types: Known | None = None,
        timeout_s: float = ASK_S,
    ) -> None:
        """A store is there when something is set in it.

        ``node`` is the name or the id of the node that keeps it, the own one if it is empty;
        ``types`` are the classes that values may be of; others come as records. ``timeout_s`` is
        how long a question may take.
        """
        self.node = node
        self.store = store
        self._types = types or Known()
        self._timeout_s = timeout_s

    def _ask(
        self,
        operation: str,
        read: Callable[[Answer], Any],
        value: Sequence[Buffer] = (),
        **args: Value,
    ) -> Future[Any]:
        given: Args = {"b": self.store, **args}
        return ask("kv", operation, self.node, given, value, read=read, timeout_s=self._timeout_s)

    def _create(self, replicas: int) -> Future[None]:
        return self._ask("replicate", lambda _: None, copies=replicas)

    def _get(self, key: str) -> Future[Entry | None]:
        return self._ask("get", lambda answer: self._entry(key, answer), k=key)

    def _set(self, key: str, value: object, expect: int | None) -> Future[int]:
        buffers: list[Buffer] = []
        packed = pack(value, buffers, names=(key,), types=self._types)
        parts = (packed, *buffers)
        check_value(parts, key)
        return self._ask("set", _revision, parts, k=key, e=expect)

    def _delete(self, key: str, expect: int | None) -> Future[bool]:
        return self._ask(
            "delete", lambda answer: answer.headers.get("was") is True, k=key, e=expect
        )

    def _page(self, prefix: str, after: str, *, values: bool) -> Future[tuple[list[Entry], bool]]:
        def read(answer: Answer) -> tuple[list[Entry], bool]:
            rows = _rows(answer, 3)
            told = self._values(answer, len(rows)) if values else [None] * len(rows)
            entries = [
                Entry(key, value, r, at) for (key, r, at), value in zip(rows, told, strict=True)
            ]
            return entries, answer.headers.get("more") is True

        return self._ask("list", read, p=prefix, after=after, values=values)

    def _changes(self, prefix: str, since: Value) -> Future[tuple[list[Change], Value]]:
        def read(answer: Answer) -> tuple[list[Change], Value]:
            rows = _rows(answer, 4)
            left = iter(self._values(answer, sum(not row[3] for row in rows)))
            changes = [
                Change(key, None if gone else next(left), r, at, gone) for key, r, at, gone in rows
            ]
            return changes, answer.headers.get("since")

        return self._ask("poll", read, p=prefix, since=since, wait=WAIT_S)

    def _entry(self, key: str, answer: Answer) -> Entry | None:
        revision, at = answer.headers.get("r"), answer.headers.get("at")
        if revision is None:
            return None
        if type(revision) is not int or type(at) is not float or not answer.parts:
            raise RemoteProtocolError("not the value of a key", where=key)
        return Entry(key, self._value(answer.parts), revision, at)

    def _values(self, answer: Answer, count: int) -> list[Any]:
        if len(answer.parts) != count:
            raise RemoteProtocolError("keys without their values", where=self.store)
        return [self._value(unpack_parts(part)) for part in answer.parts]

    def _value(self, parts: Sequence[Buffer]) -> Any:  # noqa: ANN401 (its own)
        return unpack(parts[0], parts[1:], classes=self._types)


class Keys(_Asked):
    """A store of keys and values, for code that waits."""

    def create(self, *, replicas: int) -> None:
        """Let this store be kept on so many nodes, its own among them; done when it is.

        With 2, what is acknowledged is on both, and while one cannot be reached the other can be
        read, and not changed. With 3 and more, a majority goes on by itself whoever is lost.

        Raises:
            ConflictError: it has keys without copies, or another number of them.
            UnavailableError: too few nodes can be reached.
        """
        self._create(replicas).result()

    def get(self, key: str, default: Any = _MISSING) -> Any:  # noqa: ANN401 (its own)
        """The value of a key, or ``default``.

        Raises:
            NotFoundError: it is not there, and there is no default.
            UnavailableError: the node cannot be reached.
            StoreError: its disk does not give it back.
        """
        return _or_default(key, self._get(key).result(), default)

    def entry(self, key: str) -> Entry | None:
        """A key with its revision; None if it is not there. Raises as :meth:`get`."""
        return self._get(key).result()

    def set(self, key: str, value: object, *, expect: int | None = None) -> int:
        """Set a key; its new revision. It is on the disk of the node when this returns.

        With ``expect`` only if the key has that revision; 0: only if it is not there.

        Raises:
            ConflictError: it is not as expected.
            NotSerialisable: the value cannot travel, or takes more than 1 MiB.
            StoreError: the store is full, or the disk does not take it.
            UnavailableError: the node cannot be reached; the error says whether it may be done.
        """
        return self._set(key, value, expect).result()

    def delete(self, key: str, *, expect: int | None = None) -> bool:
        """Delete a key; whether it was there. Raises as :meth:`set`."""
        return self._delete(key, expect).result()

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin so, in order; those that change meanwhile may be missing."""
        for entry in self._all(prefix, values=False):
            yield entry.key

    def items(self, prefix: str = "") -> Iterator[Entry]:
        """The keys that begin so with their values, as :meth:`keys`."""
        return self._all(prefix, values=True)

    def watch(self, prefix: str = "", *, with_present: bool = False) -> Iterator[Change]:
        """What becomes of keys that begin so, from now on; it does not end by itself.

        A key that changes several times before it is looked at comes once, as it is then.
        ``with_present``: all that is there comes first.

        Raises:
            MissedError: the node has forgotten what was deleted since the last look.
            UnavailableError: the node cannot be reached.
        """
        since: Value = _BEGIN if with_present else None
        if since is None:
            since = self._changes(prefix, None).result()[1]
        return self._watch(prefix, since)

    def _watch(self, prefix: str, since: Value) -> Iterator[Change]:
        while True:
            changes, since = self._changes(prefix, since).result()
            yield from changes

    def _all(self, prefix: str, *, values: bool) -> Iterator[Entry]:
        after, more = "", True
        while more:
            entries, more = self._page(prefix, after, values=values).result()
            yield from entries
            after = entries[-1].key if entries else ""


class AsyncKeys(_Asked):
    """A store of keys and values, for coroutines: as :class:`Keys`."""

    async def create(self, *, replicas: int) -> None:
        """As :meth:`Keys.create`."""
        await self._create(replicas)

    async def get(self, key: str, default: Any = _MISSING) -> Any:  # noqa: ANN401 (its own)
        """As :meth:`Keys.get`."""
        return _or_default(key, await self._get(key), default)

    async def entry(self, key: str) -> Entry | None:
        """As :meth:`Keys.entry`."""
        return await self._get(key)

    async def set(self, key: str, value: object, *, expect: int | None = None) -> int:
        """As :meth:`Keys.set`."""
        return await self._set(key, value, expect)

    async def delete(self, key: str, *, expect: int | None = None) -> bool:
        """As :meth:`Keys.delete`."""
        return await self._delete(key, expect)

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        """As :meth:`Keys.keys`."""
        async for entry in self._all(prefix, values=False):
            yield entry.key

    def items(self, prefix: str = "") -> AsyncIterator[Entry]:
        """As :meth:`Keys.items`."""
        return self._all(prefix, values=True)

    async def watch(self, prefix: str = "", *, with_present: bool = False) -> AsyncIterator[Change]:
        """As :meth:`Keys.watch`; it begins with the first look."""
        since: Value = _BEGIN if with_present else None
        while True:
            changes, since = await self._changes(prefix, since)
            for change in changes:
                yield change

    async def _all(self, prefix: str, *, values: bool) -> AsyncIterator[Entry]:
        after, more = "", True
        while more:
            entries, more = await self._page(prefix, after, values=values)
            for entry in entries:
                yield entry
            after = entries[-1].key if entries else ""


def stores(node: str = "") -> list[tuple[str, int, int]]:
    """The stores of a node that have keys: the name of each, how many, and their bytes."""
    return ask("kv", "stores", node, {}, read=_stores).result()


def _stores(answer: Answer) -> list[tuple[str, int, int]]:
    return [(str(name), int(keys), int(size)) for name, keys, size in _rows(answer, 3)]


def _rows(answer: Answer, width: int) -> list[list[Any]]:
    rows = answer.headers.get("rows")
    if type(rows) is not list or any(type(row) is not list or len(row) != width for row in rows):
        raise RemoteProtocolError("not a page of keys")
    return rows  # type: ignore[return-value]


def _revision(answer: Answer) -> int:
    revision = answer.headers.get("r")
    if type(revision) is not int:
        raise RemoteProtocolError("a key without its revision")
    return revision


def _or_default(key: str, entry: Entry | None, default: Any) -> Any:  # noqa: ANN401 (its own)
    if entry is not None:
        return entry.value
    if default is _MISSING:
        raise NotFoundError("there is no such key", where=key, remedy="give a default")
    return default
