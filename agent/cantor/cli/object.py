"""``cantor object``: large values and files that nodes keep.

Exit codes: 0 done; 1 there is no such object; 2 no such node, a wrong option, or a value where
bytes are wanted; 69 no agent answers here, or the node cannot be reached; 74 a disk refuses, or has
no room; 75 another object has that name.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.base.units import format_size
from cantor.cli.state_verbs import add_verb
from cantor.cli.table import format_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from cantor.base.object_ref import ObjectRef
    from cantor.state.objects import Info

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Options = argparse.Namespace

_BAR_CHARS = 30
WHOSE = "whose it is"
_PIECE_BYTES = 4 << 20


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "large values and files that nodes keep for the programs of the mesh"
    parser = verbs.add_parser("object", help=summary, description=summary)
    inner = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    listed = add_verb(inner, "list", "the objects of a node", _list, node=WHOSE)
    listed.add_argument("prefix", metavar="PREFIX", nargs="?", default="", help="of their names")
    put = add_verb(inner, "put", "make an object of a file", _put, node=WHOSE)
    put.add_argument("file", metavar="FILE", help="- reads what is piped in")
    put.add_argument("--name", default="", help="what it is called on its node")
    put.add_argument(
        "--replace", action="store_true", help="make it a version newer if it is there"
    )
    put.add_argument(
        "--keep", default="forever", metavar="SECONDS",
        help='so many seconds, "until read", or "forever" (default)',
    )  # fmt: skip
    get = add_verb(inner, "get", "write the bytes of an object to a file", _get, node=WHOSE)
    get.add_argument("object", metavar="OBJECT", help="its name or its reference")
    get.add_argument("file", metavar="FILE", nargs="?", default="-", help="default: print them")
    get.add_argument(
        "--stale-ok", action="store_true",
        help="a copy that is here will do while its owner cannot be reached",
    )  # fmt: skip
    gone = add_verb(inner, "rm", "delete an object", _delete, node=WHOSE)
    gone.add_argument("object", metavar="OBJECT", help="its name or its reference")
    told = add_verb(inner, "info", "what its owner says of an object", _info, node=WHOSE)
    told.add_argument("object", metavar="OBJECT", help="its name or its reference")


def _list(options: Options) -> int:
    from cantor.state.objects import objects

    found = objects.list(options.node, options.prefix)
    if options.json:
        for info in found:
            print(json.dumps(_fields(info)))
        return 0
    rows = [
        (one.name or str(one.ref), format_size(one.size), str(one.version), _time(one.at))
        for one in found
    ]
    print(format_table(("OBJECT", "SIZE", "VERSION", "PUT"), rows) if rows else "No objects.")
    return 0


def _put(options: Options) -> int:
    from cantor.state.objects import objects

    with _source(options.file) as source, _shown("put") as progress:
        ref = objects.put_stream(
            source, node=options.node, name=options.name, keep=_kept(options.keep),
            replace=options.replace, progress=progress,
        )  # fmt: skip
    print(json.dumps({"object": str(ref)}) if options.json else str(ref))
    return 0


def _get(options: Options) -> int:
    from cantor.state.objects import objects

    ref = _ref(options)
    with _shown("get") as progress:
        file = objects.open(ref, stale_ok=options.stale_ok, progress=progress)
    size = 0
    with file, _target(options.file) as target:
        while piece := file.read(_PIECE_BYTES):
            target.write(piece)
            size += len(piece)
    if options.json:
        print(json.dumps({"object": str(ref), "bytes": size}), file=sys.stderr)
    return 0


def _delete(options: Options) -> int:
    from cantor.state.objects import objects

    was = objects.delete(_ref(options))
    if options.json:
        print(json.dumps({"deleted": was}))
    else:
        print("Deleted." if was else f"There is no object {options.object!r}.")
    return 0 if was else 1


def _info(options: Options) -> int:
    from cantor.state.objects import objects

    info = objects.info(_ref(options))
    if options.json:
        print(json.dumps(_fields(info)))
        return 0
    until = "until read" if info.is_until_read else _time(info.until) if info.until else "forever"
    rows = [
        ("Object", str(info.ref)),
        ("Name", info.name or "none"),
        ("Version", str(info.version)),
        ("Size", format_size(info.size)),
        ("What", "a value" if info.is_value else "bytes"),
        ("Put", _time(info.at)),
        ("Kept", until),
        ("Used by tasks", str(info.holds)),
        ("Copies", ", ".join(info.holders) or "none"),
    ]
    for name, value in rows:
        print(f"{name + ':':<15}{value}")
    return 0


def _ref(options: Options) -> ObjectRef:
    from cantor.base.object_ref import ObjectRef
    from cantor.state.objects import objects

    try:
        return ObjectRef.parse(options.object)
    except ValueError:
        return objects.find(options.object, options.node)


def _kept(text: str) -> Any:  # noqa: ANN401 (as objects take it)
    try:
        return float(text)
    except ValueError:
        return text


@contextmanager
def _source(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as opened:
            yield opened
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", where=file) from error


@contextmanager
def _target(file: str) -> Iterator[IO[bytes]]:
    """Where bytes go: a file that is there whole, or not at all."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("xb") as opened:
            yield opened
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"the file cannot be written: {error.strerror}", where=file) from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _shown(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal while it takes long; nothing where the output is kept."""
    has_shown = False

    def show(done: int, total: int) -> None:
        nonlocal has_shown
        if not sys.stderr.isatty():
            return
        has_shown = True
        share = done / total if total else 0.0
        bar = ("#" * round(_BAR_CHARS * share)).ljust(_BAR_CHARS, ".")
        amount = f"{format_size(done)} of {format_size(total)}"
        print(f"\r{what} [{bar}] {amount:<30}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if has_shown:
            print("\r" + " " * (_BAR_CHARS + 40) + "\r", end="", file=sys.stderr, flush=True)


def _fields(info: Info) -> dict[str, Any]:
    return {
        "object": str(info.ref), "name": info.name, "version": info.version, "bytes": info.size,
        "at": info.at, "until": info.until, "until_read": info.is_until_read,
        "is_value": info.is_value, "holds": info.holds, "copies": list(info.holders),
    }  # fmt: skip


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
