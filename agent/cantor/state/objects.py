"""``cantor.objects``: large values and files that a node keeps, for programs on any node.

    with cantor.connect():
        ref = cantor.objects.put(numpy.zeros((4000, 4000)), node="berlin-1")
        array = cantor.objects.get(ref)  # mapped where it lies on this machine: read-only
        cantor.objects.update(ref, lambda before: before + 1)
        cantor.objects.delete(ref)

A reference is plain data: give it to tasks in place of the value. ``cantor.aio.objects`` is the
same for coroutines.
"""

from __future__ import annotations

import asyncio
import io
from typing import IO, TYPE_CHECKING, Any, Literal

from cantor.base.errors import (
    ConfigError,
    ConflictError,
    NotSerialisable,
    RemoteProtocolError,
)
from cantor.base.ids import NodeId
from cantor.base.object_ref import ObjectRef
from cantor.bundles.known import Known
from cantor.bundles.values import pack, unpack
from cantor.node.state.wording import checked_text
from cantor.state.object_files import (
    PIECE_BYTES,
    Draft,
    Lease,
    Reader,
    asked,
    gap_behind,
    pack_layout,
    parts_in,
)
from cantor.state.object_info import Info, info_of, owner_in, page_in, row_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from cantor.node.state.wording import Answer, Args
    from cantor.state.object_files import Progress
    from cantor.wire.frame import Buffer, Value

__all__ = ["AsyncObjects", "Info", "ObjectRef", "Objects", "objects"]
Keep = float | Literal["forever", "until read"]
UPDATES_MAX = 1000
_RAW = (bytes, bytearray, memoryview)


class Objects:
    """The objects of the mesh, for code that waits."""

    def put(
        self,
        value: object,
        *,
        node: str = "",
        name: str = "",
        keep: Keep = "forever",
        replace: bool = False,
        progress: Progress | None = None,
    ) -> ObjectRef:
        """Make an object of a value; it is on the disk of its owner when this returns.

        ``node`` is the name or the id of its owner, the own node if it is empty. A ``name`` is that
        of one object of its owner only; with ``replace`` an object that has it becomes a version
        newer. ``keep`` it so many seconds, until it was read by one, or until it is deleted.

        Raises:
            NotSerialisable: the value cannot travel.
            ConflictError: another object has that name.
            StoreError: there is no room, or the disk does not take it.
            UnavailableError: the node cannot be reached; the error says whether it may be done.
        """
        args = asked_for(node, name, keep, replace=replace)
        return _ref(self._written(value, name or "value", {**args, "k": fresh_key()}, progress))

    def put_stream(
        self,
        source: IO[bytes] | Iterable[Buffer],
        *,
        node: str = "",
        name: str = "",
        keep: Keep = "forever",
        replace: bool = False,
        progress: Progress | None = None,
    ) -> ObjectRef:
        """Make an object of bytes that come piece by piece: an open file, or any iterable of them.

        Raises: as :meth:`put`, and whatever the source raises; then nothing is put.
        """
        args = asked_for(node, name, keep, replace=replace)
        draft = Draft()
        try:
            for piece in _pieces(source):
                draft.write(piece)
            answer = draft.commit({**args, "k": fresh_key(), "l": b""}, progress)
        except BaseException:
            draft.drop()
            raise
        return _ref(answer)

    def get(
        self,
        ref: ObjectRef,
        *,
        types: Known | None = None,
        stale_ok: bool = False,
        progress: Progress | None = None,
    ) -> Any:  # noqa: ANN401 (its own)
        """The value of an object as it is now; bytes, if it was put as such.

        Arrays in it are not to be written to: they lie in memory that other readers on this machine
        have, too. ``types`` are the classes that it may be of; others come as records. With
        ``stale_ok`` a copy that this node has got since its start is good enough while the owner
        cannot be reached.

        Raises:
            NotFoundError: it was never put, or was deleted.
            UnavailableError: its owner cannot be reached.
            StoreError: a disk has damaged it, or has no room for a copy.
        """
        return self._got(ref, types, progress, stale_ok=stale_ok)[0]

    def open(
        self, ref: ObjectRef, *, stale_ok: bool = False, progress: Progress | None = None
    ) -> io.BufferedReader:
        """The bytes of an object as a file, as they are now. Raises as :meth:`get`, and

        Raises:
            ConfigError: it was put as a value.
        """
        with Lease(_place(ref, stale_ok=stale_ok), progress) as lease:
            if lease.row[7]:
                raise ConfigError("it is a value", where=str(ref), remedy="get it")
            return io.BufferedReader(Reader(lease.mapped()), PIECE_BYTES // 4)

    def info(self, ref: ObjectRef) -> Info:
        """What its owner says of it. Raises as :meth:`get`."""
        return _seen({"k": ref.key}, ref.owner)

    def find(self, name: str, node: str = "") -> ObjectRef:
        """The object of that name on a node.

        Raises:
            NotFoundError: there is none.
            UnavailableError: the node cannot be reached.
        """
        args: Args = {"n": checked_text(name, "name of an object")}
        answer: Answer = asked("see", args, node=node).result()
        return info_of(row_in(answer), owner_in(answer)).ref

    def update(
        self,
        ref: ObjectRef,
        fn: Callable[[Any], object],
        *,
        expect: int | None = None,
        types: Known | None = None,
    ) -> int:
        """Make what ``fn`` returns of its value the next version of an object; that version.

        ``fn`` runs here, and again if somebody else was quicker: so it should do nothing else. With
        ``expect`` only that version is changed, once.

        Raises:
            ConflictError: it is at another version than expected, or changes all the time.
        """
        for _ in range(UPDATES_MAX):
            value, version = self._got(ref, types, None)
            if expect is not None and version != expect:
                raise ConflictError(
                    f"it is at version {version}, and version {expect} was expected",
                    where=str(ref), remedy="get it again, and decide anew",
                )  # fmt: skip
            args: Args = {"o": ref.owner, "k": ref.key, "v": version}
            try:
                answer = self._written(fn(value), "value", args, None)
            except ConflictError:
                if expect is not None:
                    raise
                continue
            return int(str(answer.headers.get("v")))
        raise ConflictError(
            "others change it all the time", where=str(ref), remedy="try again later"
        )

    def delete(self, ref: ObjectRef, *, expect: int | None = None) -> bool:
        """Delete an object; whether it was there. A task that has it as an argument has it still.

        Raises:
            ConflictError: it is not at the version that is expected.
            UnavailableError: its owner cannot be reached.
        """
        answer: Answer = asked("delete", {"k": ref.key, "v": expect}, node=ref.owner).result()
        return answer.headers.get("was") is True

    def list(self, node: str = "", prefix: str = "") -> Iterator[Info]:
        """The objects of a node whose names begin so, in order of their names.

        Raises:
            UnavailableError: the node cannot be reached.
        """
        after: Value = ["", ""]
        more = True
        while more:
            answer: Answer = asked("list", {"p": prefix, "after": after}, node=node).result()
            infos, more = page_in(answer)
            yield from infos
            after = [infos[-1].name, infos[-1].ref.key] if infos else after

    def _written(self, value: object, what: str, args: Args, progress: Progress | None) -> Answer:
        parts: list[Buffer] = []
        layout = b""
        if type(value) in _RAW:
            parts.append(value)  # type: ignore[arg-type]
        else:
            packed = pack(value, parts, names=(what,), types=Known())
            parts.insert(0, packed)
            layout = pack_layout(parts)
        draft = Draft(sum(memoryview(part).nbytes for part in parts))
        try:
            for part in parts:
                draft.write(part)
                if layout:
                    draft.write(bytes(gap_behind(draft.size)))
            return draft.commit({**args, "l": layout}, progress)
        except BaseException:
            draft.drop()
            raise

    def _got(
        self,
        ref: ObjectRef,
        types: Known | None,
        progress: Progress | None,
        *,
        stale_ok: bool = False,
    ) -> tuple[Any, int]:
        with Lease(_place(ref, stale_ok=stale_ok), progress) as lease:
            view, layout, version = lease.mapped(), lease.row[7], int(lease.row[2])
        if not layout:
            return bytes(view), version
        parts = parts_in(view, layout)
        return unpack(bytes(parts[0]), parts[1:], classes=types or Known()), version


class AsyncObjects:
    """The objects of the mesh, for coroutines: as :class:`Objects`, whose files block."""

    def __init__(self) -> None:
        self._objects = Objects()

    async def put(self, value: object, **options: Any) -> ObjectRef:  # noqa: ANN401 (as there)
        """As :meth:`Objects.put`."""
        return await asyncio.to_thread(self._objects.put, value, **options)

    async def put_stream(
        self,
        source: IO[bytes] | Iterable[Buffer],
        **options: Any,  # noqa: ANN401 (as there)
    ) -> ObjectRef:
        """As :meth:`Objects.put_stream`; the source is read in another thread."""
        return await asyncio.to_thread(self._objects.put_stream, source, **options)

    async def get(self, ref: ObjectRef, **options: Any) -> Any:  # noqa: ANN401 (its own)
        """As :meth:`Objects.get`."""
        return await asyncio.to_thread(self._objects.get, ref, **options)

    async def open(self, ref: ObjectRef, **options: Any) -> io.BufferedReader:  # noqa: ANN401
        """As :meth:`Objects.open`."""
        return await asyncio.to_thread(self._objects.open, ref, **options)

    async def info(self, ref: ObjectRef) -> Info:
        """As :meth:`Objects.info`."""
        return await asyncio.to_thread(self._objects.info, ref)

    async def find(self, name: str, node: str = "") -> ObjectRef:
        """As :meth:`Objects.find`."""
        return await asyncio.to_thread(self._objects.find, name, node)

    async def update(
        self,
        ref: ObjectRef,
        fn: Callable[[Any], object],
        **options: Any,  # noqa: ANN401 (as there)
    ) -> int:
        """As :meth:`Objects.update`; ``fn`` runs in another thread."""
        return await asyncio.to_thread(self._objects.update, ref, fn, **options)

    async def delete(self, ref: ObjectRef, *, expect: int | None = None) -> bool:
        """As :meth:`Objects.delete`."""
        return await asyncio.to_thread(self._objects.delete, ref, expect=expect)

    async def list(self, node: str = "", prefix: str = "") -> AsyncIterator[Info]:
        """As :meth:`Objects.list`."""
        for info in await asyncio.to_thread(lambda: [*self._objects.list(node, prefix)]):
            yield info


objects = Objects()


def asked_for(node: str, name: str, keep: Keep, *, replace: bool) -> Args:
    """What to say of an object that is put.

    Raises:
        ConfigError: it cannot be called so, or kept so long.
    """
    args: Args = {"o": node, "n": checked_text(name, "name of an object") if name else ""}
    if keep == "until read":
        args["once"] = True
    elif isinstance(keep, int | float) and keep > 0:
        args["u"] = float(keep)
    elif keep != "forever":
        raise ConfigError(
            f"an object cannot be kept {keep!r:.40}",
            remedy='keep it for a number of seconds, "until read", or "forever"',
        )
    return {**args, "r": replace}


def _pieces(source: IO[bytes] | Iterable[Buffer]) -> Iterator[Buffer]:
    read = getattr(source, "read", None)
    if read is None:
        for piece in source:
            if not isinstance(piece, _RAW):
                raise NotSerialisable(
                    f"a piece that is {type(piece).__name__}, not bytes", where="put_stream",
                    remedy="open the file in binary mode, or put it as a value",
                )  # fmt: skip
            yield piece
        return
    while piece := read(PIECE_BYTES):
        if not isinstance(piece, _RAW):
            raise NotSerialisable(
                "a file that gives text", where="put_stream", remedy="open it in binary mode"
            )
        yield piece


def fresh_key() -> str:
    """The key of an object that is new."""
    return ObjectRef.fresh(NodeId("0" * 32)).key


def _place(ref: ObjectRef, *, stale_ok: bool) -> Args:
    return {"o": ref.owner, "k": ref.key, "stale": stale_ok}


def _ref(answer: Answer) -> ObjectRef:
    try:
        return ObjectRef(NodeId(str(answer.headers.get("o"))), str(answer.headers.get("k")))
    except ValueError as error:
        raise RemoteProtocolError(f"an object without its reference: {error}") from error


def _seen(args: Args, owner: NodeId) -> Info:
    answer: Answer = asked("see", args, node=owner).result()
    return info_of(row_in(answer), owner, answer.headers.get("h"))
