"""``cantor push``: a folder becomes a service, a task or a filter on every node that meets the
needs.

Exit codes: 0 it is well everywhere; 1 it failed on a node, or is not well in time; 2 the folder,
its ``service.yaml`` or an option is wrong; 69 no agent answers here; 130 interrupted, which ends
``--watch`` and ``--follow``.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, ConfigError
from cantor.bundles import requirements, tree, wheels
from cantor.bundles.resolving import Wardrobe
from cantor.cli.folders import add_folder_option
from cantor.cli.following import Following
from cantor.cli.log_reading import alive
from cantor.cli.service_output import Output
from cantor.cli.wheels import add_index_option
from cantor.node.control import SOCKET_NAME, ask
from cantor.node.push.shelf import manifest_in
from cantor.scheduling.needs import parse
from cantor.services.manifest import FILE_NAME, NAME

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cantor.services.manifest import Manifest
    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Row = dict[str, Value]

PUSH_S = 120.0
LOOK_S = 0.05
"""How often ``--watch`` looks at the files."""
TIMEOUT_S = 120.0


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "make a folder a service, a task or a filter on every node that meets the needs"
    push = verbs.add_parser("push", help=summary, description=summary)
    push.add_argument("folder", type=Path, metavar="DIR")
    push.add_argument(
        "--to", default="", metavar="NEEDS", help="which nodes, beside what service.yaml needs"
    )
    push.add_argument("--name", default="", help="its name (default: service.yaml's, or DIR's)")
    push.add_argument("--note", default="", metavar="TEXT", help="what is new, for the history")
    push.add_argument(
        "--canary", default="", metavar="N", help="so many nodes, or 10%% of them, go first"
    )
    push.add_argument(
        "--hold", type=float, default=0.0, metavar="S",
        help="seconds that it must stay well to be good (default: service.yaml's, or 10)",
    )  # fmt: skip
    push.add_argument(
        "--project", default="", help="whose work it is (default: as before, or default)"
    )
    push.add_argument(
        "--wheels",
        type=Path,
        metavar="DIR",
        help="take its requirements from these wheels",
    )
    add_index_option(push)
    push.add_argument("--watch", action="store_true", help="push again whenever a file changes")
    push.add_argument(
        "--follow", action="store_true", help="print what it prints on its nodes, until interrupted"
    )
    push.add_argument("--no-wait", action="store_true", help="do not wait until it is well")
    push.add_argument(
        "--timeout", type=float, default=TIMEOUT_S, metavar="S", help="wait at most so long"
    )
    push.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(push, asks=True)
    push.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Push once, or until interrupted.

    Raises:
        ConfigError: the folder or an option is wrong.
        UnavailableError: no agent runs on this machine.
    """
    parse(options.to)
    if options.watch:
        return asyncio.run(_watch(options))
    return asyncio.run(_push(options, is_waiting=not options.no_wait))


async def _push(options: argparse.Namespace, *, is_waiting: bool) -> int:
    files, manifest = read(options.folder)
    output = await _output(options, manifest) if options.follow else None
    view = await _sent(options, files, manifest)
    showing = asyncio.ensure_future(output.follow()) if output else None
    following = Following(options.data, str(view["name"]), _number(view), _says(options))
    if view["warning"]:
        print(f"no node meets the needs now: {view['warning']!s}", file=sys.stderr)
    if options.json and not is_waiting:
        print(json.dumps(view, indent=1))
    elif not options.json:
        print(f"{view['name']!s} is revision {_number(view)}: cantor service list", flush=True)
    is_well = True
    if is_waiting and not view["warning"]:
        is_well, view = await following.until_settled(options.timeout)
        if options.json:
            print(json.dumps(view, indent=1))
    if showing is not None:
        await showing
    return 0 if is_well else 1


async def _watch(options: argparse.Namespace) -> int:
    """Push at each change of a file; what is wrong with one is told, and waited for the next."""
    seen: object = None
    following: asyncio.Task[object] | None = None
    showing: asyncio.Task[None] | None = None
    while True:
        now = stamps(options.folder)
        if now == seen:
            if showing is not None and showing.done():
                showing.result()  # why it has ended
            await asyncio.sleep(LOOK_S)
            continue
        seen = now
        try:
            files, manifest = read(options.folder)
            output = await _output(options, manifest) if options.follow and not showing else None
            view = await _sent(options, files, manifest)
        except CantorError as error:
            print(f"cantor: {error}", file=sys.stderr)
            continue
        print(f"{view['name']!s} is revision {_number(view)}", flush=True)
        if output is not None:
            showing = asyncio.ensure_future(output.follow())
        if following is not None:
            following.cancel()
        told = Following(options.data, str(view["name"]), _number(view), _says(options))
        following = asyncio.ensure_future(told.until_settled(options.timeout))


async def _output(options: argparse.Namespace, manifest: Manifest) -> Output:
    """What the service prints from now on."""
    names = await alive(options.data)
    output = Output(options.data, _name(options, manifest), names, is_json=options.json)
    await output.pass_over()
    return output


def read(folder: Path) -> tuple[dict[str, tree.File], Manifest]:
    """The files of a folder and what its manifest says.

    Raises:
        ConfigError: it is no folder that can be pushed.
    """
    if not folder.is_dir():
        raise ConfigError("is no folder", where=str(folder), remedy="give the folder with main.py")
    files = tree.read_folder(folder)
    manifest = manifest_in(files, str(folder / FILE_NAME))
    if manifest.ignore:
        files = tree.read_folder(folder, manifest.ignore)
    return files, manifest


def stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file below a folder: what changes when one is saved."""
    return tuple(sorted(_stamps(str(folder))))


def _stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # it went while it was looked at
    for entry in entries:
        if tree.is_left_out(entry.name):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
            is_folder = entry.is_dir(follow_symlinks=False)
        except OSError:
            continue
        if is_folder:
            yield from _stamps(entry.path)
        else:
            yield entry.path, status.st_mtime_ns, status.st_size


async def _sent(
    options: argparse.Namespace, files: dict[str, tree.File], manifest: Manifest
) -> Row:
    """Hand the code to the agent, which signs the order; the service as the agent sees it then."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        blob = place / "code"
        blob.write_bytes(tree.pack(files))
        parts: Row = {"": str(blob)}
        for wheel in _wheels(options, manifest):
            parts[wheel.name] = str(shutil.copy(wheel, place))
        _give_to_agent(place, options.data)
        wish: Row = {
            "files": parts,
            "name": _name(options, manifest),
            "needs": options.to,
            "note": options.note,
            "canary": options.canary,
            "hold_s": options.hold,
            "project": options.project,
        }
        return cast("Row", await ask(options.data, "service.push", wish, timeout_s=PUSH_S))


def _name(options: argparse.Namespace, manifest: Manifest) -> str:
    """What the service is called; made of the folder's name if nothing says it."""
    if options.name or manifest.name:
        return str(options.name or manifest.name)
    folder: Path = options.folder
    words = "".join(sign if sign.isalnum() else " " for sign in folder.resolve().name.lower())
    name = "-".join(words.split())
    if not NAME.fullmatch(name):
        raise ConfigError(
            "its name is no name of a service", where=str(folder), remedy="give one: --name counter"
        )
    return name


def _wheels(options: argparse.Namespace, manifest: Manifest) -> list[Path]:
    """The wheels that its requirements ask for, for machines like this one."""
    target = wheels.target_here()
    wanted = requirements.applying(requirements.parse(manifest.requirements), target)
    index = options.index_url or requirements.index_in(manifest.requirements)
    if index:
        requirements.checked_index(index)
    return Wardrobe(options.wheels, index=index).wheels(wanted, target)


def _give_to_agent(place: Path, folder: Path) -> None:
    """Let the agent's user read what was made, if this is another one: root asks for it."""
    socket = folder / SOCKET_NAME
    if os.geteuid() == 0 and socket.exists() and socket.stat().st_uid != 0:
        for path in (place, *place.iterdir()):
            os.chown(path, socket.stat().st_uid, -1)


def _number(view: Row) -> int:
    return cast("int", cast("Row", view["revision"])["number"])


def _says(options: argparse.Namespace) -> bool:
    return not options.json
