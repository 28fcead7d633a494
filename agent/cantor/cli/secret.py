"""``cantor secret``: passwords and keys that services and pipelines name and nobody reads.

The value comes from standard input or a file, never from the command line, which every user of a
machine can read. Exit codes: 0 done; 2 a name or value is wrong, there is no such secret, or there
is one already; 69 no agent answers here, or it cannot keep it.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError, reason_of
from cantor.base.secret_names import VALUE_BYTES_MAX, check_secret_name
from cantor.base.text import printable
from cantor.cli.accounts import local_account
from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.scheduling.shares.terms import DEFAULT_PROJECT

if TYPE_CHECKING:
    import argparse

    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Row = dict[str, Value]

ASK_S = 20.0


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    summary = "passwords and keys for services and pipelines: set, list, rotate, rm"
    secret = verbs.add_parser("secret", help=summary, description=summary)
    below = secret.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, told in (
        ("set", "keep a secret; its value comes from standard input or --file"),
        ("rotate", "give a secret another value; what uses it is started again with that"),
    ):
        verb = _verb(below, name, told, _set)
        verb.add_argument("name", metavar="NAME")
        verb.add_argument("--file", type=Path, metavar="FILE", help="the value is in this file")
        verb.add_argument(
            "--exact", action="store_true", help="keep the line end after the last line as well"
        )
        verb.set_defaults(call=f"secret.{name}")
    _verb(below, "list", "every secret, who set it and which nodes have it; no values", _list)
    remove = _verb(below, "rm", "erase a secret on every node", _remove)
    remove.add_argument("name", metavar="NAME")


def _verb(verbs: Verbs, name: str, summary: str, function: object) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument(
        "--project", default="", metavar="NAME",
        help="whose it is; services and pipelines of other projects do not get it"
        + (" (default: all)" if name == "list" else f" (default: {DEFAULT_PROJECT})"),
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(parser, asks=True)
    parser.set_defaults(run=function)
    return parser


def _set(options: argparse.Namespace) -> int:
    check_secret_name(options.name)
    value = _value(options.file, options.name)
    if not options.exact:
        value = value.removesuffix(b"\n").removesuffix(b"\r")
    shown = _ask(options, options.call, value=value)
    told = f"Secret {shown['name']!s} of project {shown['project']!s}: version {shown['version']!s}"
    print(json.dumps(shown, ensure_ascii=False) if options.json else told)
    return 0


def _value(file: Path | None, name: str) -> bytes:
    """The value as people give it, and no more of it than is refused as too large."""
    if file is not None:
        try:
            with file.open("rb") as source:
                return source.read(VALUE_BYTES_MAX + 2)
        except OSError as error:
            raise ConfigError(f"cannot be read: {reason_of(error)}", where=str(file)) from error
    if sys.stdin.isatty():
        return getpass.getpass(f"Value of {name}: ").encode()
    return sys.stdin.buffer.read(VALUE_BYTES_MAX + 2)


def _list(options: argparse.Namespace) -> int:
    args: Row = {"project": options.project}
    shown = cast("list[Row]", asyncio.run(ask(options.data, "secret.list", args, timeout_s=ASK_S)))
    if options.json:
        print(json.dumps(shown, indent=1, ensure_ascii=False))
        return 0
    rows = [
        (
            str(one["project"]),
            str(one["name"]),
            str(one["version"]),
            datetime.fromtimestamp(cast("float", one["at"]), UTC).strftime("%Y-%m-%d %H:%M:%S"),
            printable(str(one["who"]) or "—"),
            str(one["by_name"]),
            ", ".join(_node(node) for node in cast("list[Row]", one["nodes"])) or "—",
        )
        for one in shown
    ]
    print(format_table(("PROJECT", "SECRET", "VERSION", "SET (UTC)", "BY", "AT", "NODES"), rows))
    return 0


def _node(node: Row) -> str:
    about = [] if node["is_current"] else [f"version {node['version']!s}"]
    about += [] if node["is_alive"] else ["offline"]
    return str(node["name"]) + (f" ({', '.join(about)})" if about else "")


def _remove(options: argparse.Namespace) -> int:
    check_secret_name(options.name)
    shown = _ask(options, "secret.remove")
    if options.json:
        print(json.dumps(shown, ensure_ascii=False))
        return 0
    print(f"Secret {shown['name']!s} of project {shown['project']!s} is removed")
    away = [str(n["name"]) for n in cast("list[Row]", shown["nodes"]) if not n["is_alive"]]
    if away:
        print(f"These nodes are away, and erase it when they are back: {', '.join(away)}")
    return 0


def _ask(options: argparse.Namespace, call: str, **more: Value) -> Row:
    args: Row = {"name": options.name, "project": options.project, "who": local_account(), **more}
    return cast("Row", asyncio.run(ask(options.data, call, args, timeout_s=ASK_S)))
