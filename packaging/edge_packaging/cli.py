"""``cantor flash``: operating-system images whose box becomes a node by itself.

Exit codes: 0 done, 2 a file or option is wrong, 69 a program is missing, 76 the image is damaged,
77 the token does not hold.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.cli.labels import parse_labels
from cantor.identity.tokens import EnrolmentToken

if TYPE_CHECKING:
    import argparse

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_BAR_CHARS = 30
_MIB = 1 << 20


def register(subparsers: Verbs) -> None:
    """Add the verb ``flash``."""
    flash = subparsers.add_parser("flash", help="images that make a box a node at its first boot")
    actions = flash.add_subparsers(title="actions", metavar="ACTION", required=True)
    image = actions.add_parser("image", help="copy an image and put token and agent into the copy")
    image.add_argument("source", type=Path, metavar="IN", help="an operating system's .img")
    image.add_argument("--out", type=Path, required=True, metavar="OUT", help="the new image")
    image.add_argument("--token", required=True, help="what the hub showed; it is kept in OUT")
    image.add_argument(
        "--agent", type=Path, metavar="TARBALL", help="of make package (default: OUT has one)"
    )
    image.add_argument("--name", default="", help="what people call the box (default: host name)")
    image.add_argument("--label", action="append", default=[], metavar="NAME=VALUE")
    image.set_defaults(run=_image)
    inspect = actions.add_parser("inspect", help="what was put into an image; no secrets")
    inspect.add_argument("source", type=Path, metavar="IMAGE")
    inspect.set_defaults(run=_inspect)
    for action in (image, inspect):
        action.add_argument("--json", action="store_true", help="print JSON")


def _image(options: argparse.Namespace) -> int:
    from edge_packaging.first_boot import Wish
    from edge_packaging.flash import Agent, flash

    token = EnrolmentToken.parse(options.token)
    wish = Wish(token, options.name, parse_labels(options.label))
    agent = Agent.read(options.agent) if options.agent else None
    said = flash(options.source, options.out, wish, agent, _show_progress)
    _print(said, as_json=options.json)
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from edge_packaging.flash import inspect

    _print(inspect(options.source), as_json=options.json)
    return 0


def _show_progress(done: int, size: int) -> None:
    if not sys.stderr.isatty():
        return
    filled = _BAR_CHARS * done // size
    bar = "█" * filled + "░" * (_BAR_CHARS - filled)
    end = "\n" if done == size else ""
    sys.stderr.write(f"\r{bar} {done // _MIB} of {size // _MIB} MiB{end}")
    sys.stderr.flush()


def _print(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
        return
    agent = said.get("agent")
    rows = {
        "image": said["image"],
        "boot": f"partition {said['partition']}, starts by {said['starts_by']}",
        "token": said["token"] or "used",
        "name": said["name"] or "(host name)",
        "labels": ", ".join(f"{key}={value}" for key, value in said["labels"].items()) or "-",
        "agent": f"{agent['build']} {agent['version']} {agent['platform']}" if agent else "-",
        "files": ", ".join(said["files"]),
    }
    sys.stdout.write("".join(f"{name:<8} {value}\n" for name, value in rows.items()))
