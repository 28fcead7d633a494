"""Named objects as the files of ``fsspec``: ``cantor://berlin-1/models/detect.onnx``.

The first part of a path is the node, by name or id, or ``.`` for the own one; the rest is the name
of the object. Folders are what names have in common, so an empty one is not there.

Source: the specification of file systems of fsspec, https://filesystem-spec.readthedocs.io.
"""

from __future__ import annotations

import io
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from cantor.base.errors import ConflictError, NotFoundError
from cantor.state.object_files import PIECE_BYTES, Draft
from cantor.state.objects import asked_for, fresh_key, objects
from cantor.tasks.connect import connect
from cantor.workers.backend import backend_here
from cantor.workers.living import knows_mesh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.state.objects import Info

OWN = "."


class CantorFileSystem(AbstractFileSystem):  # type: ignore[misc] # it has no types
    """The objects of all nodes. Without ``cantor.connect()`` around it, it connects by itself, to
    the agent with that ``folder``, and stays connected until the program ends.
    """

    protocol = "cantor"
    root_marker = ""
    cachable = False
    """Another connection may be made meanwhile."""

    def __init__(self, folder: str | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        if not knows_mesh(backend_here()):
            connect(folder)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: ANN401
        """The files and folders in a folder, or the file itself."""
        path = self._strip_protocol(path)
        node, name = _parts(path)
        with _told(path):
            found = _below(node, name)
            if not found:
                found = [_file(node, self._named(node, name))]
        return found if detail else sorted(one["name"] for one in found)

    def info(self, path: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        """What there is to say of a file or a folder."""
        path = self._strip_protocol(path)
        node, name = _parts(path)
        with _told(path):
            if name:
                with suppress(NotFoundError):
                    return _file(node, self._named(node, name))
            if not name or next(iter(objects.list(_node(node), f"{name}/")), None) is not None:
                return _folder(path)
        raise FileNotFoundError(path)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:  # noqa: ANN401
        """A folder is there with the first file in it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """A folder is there with the first file in it."""

    def rmdir(self, path: str) -> None:
        """A folder goes with the last file in it."""

    def created(self, path: str) -> Any:  # noqa: ANN401 (a datetime)
        """When this version of a file was put."""
        return self.modified(path)

    def modified(self, path: str) -> Any:  # noqa: ANN401 (a datetime)
        """When this version of a file was put."""
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:  # noqa: ANN401
        """Copy a file, between nodes too."""
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if self.isdir(source):
            return
        node, name = _parts(target)
        with _told(source), self._open(source) as file:
            objects.put_stream(file, node=_node(node), name=name, replace=True)

    def pipe_file(
        self,
        path: str,
        value: bytes,
        mode: str = "overwrite",
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Make a file of bytes; with the mode ``create`` a new one only."""
        path = self._strip_protocol(path)
        node, name = _parts(path)
        with _told(path):
            objects.put(bytes(value), node=_node(node), name=name, replace=mode != "create")

    def rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
    ) -> None:
        """Delete files; folders go with what is in them."""
        for one in self.expand_path(path, recursive=recursive, maxdepth=maxdepth):
            if self.isfile(one):
                self._rm(one)
            elif not recursive:
                raise IsADirectoryError(one)

    def _rm(self, path: str) -> None:
        path = self._strip_protocol(path)
        node, name = _parts(path)
        with _told(path):
            objects.delete(self._named(node, name).ref)

    rm_file = _rm

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **_: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 (a file)
        del block_size, cache_options
        path = self._strip_protocol(path)
        node, name = _parts(path)
        with _told(path):
            if mode == "rb":
                return objects.open(objects.find(name, _node(node)))
            if mode not in ("wb", "xb", "ab"):
                raise ValueError(f"a file of objects cannot be opened as {mode!r}")
            if mode == "xb" and self.exists(path):
                raise FileExistsError(path)
            return Writer(node, name, mode, is_kept=autocommit)

    def _named(self, node: str, name: str) -> Info:
        return objects.info(objects.find(name, _node(node)))


class Writer(io.RawIOBase):
    """A file that becomes an object when it is closed."""

    def __init__(self, node: str, name: str, mode: str, *, is_kept: bool) -> None:
        super().__init__()
        self._args = asked_for(_node(node), name, "forever", replace=mode != "xb")
        self._path = f"{node}/{name}"
        self._is_kept = is_kept
        self._draft = Draft()
        if mode == "ab":
            with suppress(NotFoundError), objects.open(objects.find(name, _node(node))) as before:
                while piece := before.read(PIECE_BYTES):
                    self._draft.write(piece)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._draft.size

    def write(self, data: Any) -> int:  # noqa: ANN401 (any buffer)
        self._draft.write(data)
        return memoryview(data).nbytes

    def close(self) -> None:
        """Make it an object, if nobody has discarded it and it is in no transaction."""
        if not self.closed:
            super().close()
            if self._is_kept:
                self.commit()

    def commit(self) -> None:
        """Make it an object."""
        with _told(self._path):
            self._draft.commit({**self._args, "k": fresh_key(), "l": b""})

    def discard(self) -> None:
        """Make nothing of it."""
        self._is_kept = False
        self._draft.drop()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:  # noqa: ANN401
        if kind is not None:
            self.discard()
        self.close()


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Errors as programs expect them of files."""
    try:
        yield
    except NotFoundError as error:
        raise FileNotFoundError(path) from error
    except ConflictError as error:
        raise FileExistsError(path) from error


def _parts(path: str) -> tuple[str, str]:
    node, _, name = path.partition("/")
    return node, name.strip("/")


def _node(word: str) -> str:
    return "" if word == OWN else word


def _below(node: str, folder: str) -> list[dict[str, Any]]:
    """The files and folders right below a folder."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    if not node:
        return []
    for info in objects.list(_node(node), prefix):
        if not info.name:
            continue
        child, _, rest = info.name[len(prefix) :].partition("/")
        path = f"{node}/{prefix}{child}"
        if rest or child not in found:
            found[child] = _folder(path) if rest else _file(node, info)
    return list(found.values())


def _folder(path: str) -> dict[str, Any]:
    return {"name": path, "size": 0, "type": "directory"}


def _file(node: str, info: Info) -> dict[str, Any]:
    return {
        "name": f"{node}/{info.name}", "size": info.size, "type": "file", "mtime": info.at,
        "version": info.version, "object": str(info.ref),
    }  # fmt: skip
