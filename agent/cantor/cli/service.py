"""``cantor service``: the services of the mesh, from any node.

Exit codes: 0 done; 2 there is no such service or revision; 69 no agent answers here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.base.text import printable
from cantor.cli.folders import add_folder_option
from cantor.cli.log_reading import nodes_named
from cantor.cli.service_output import Output
from cantor.cli.table import format_table
from cantor.node.control import ask

if TYPE_CHECKING:
    import argparse

    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Row = dict[str, Value]

ASK_S = 20.0
LINES_DEFAULT = 100


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    summary = "the services that cantor push has made: list, logs, history, return, stop, remove"
    service = verbs.add_parser("service", help=summary, description=summary)
    below = service.add_subparsers(title="verbs", metavar="VERB", required=True)
    _verb(below, "list", "every service, and how it is on its nodes", _list)
    logs = _named(below, "logs", "what a service printed, on all of its nodes or on one", _logs)
    logs.add_argument("--node", default="", help="only this node")
    logs.add_argument(
        "--lines",
        type=int,
        default=LINES_DEFAULT,
        metavar="N",
        help="the last N of all nodes together",
    )
    logs.add_argument("--follow", action="store_true", help="go on as it prints more")
    _named(below, "history", "the revisions that are still known", _history)
    back = _named(below, "return", "go back to the revision before, or to an older one", _return)
    back.add_argument("--revision", type=int, default=0, metavar="N", help="to this one")
    for name, summary in (
        ("stop", "end a service on every node, and keep it"),
        ("start", "run a service again that was stopped"),
        ("remove", "end a service on every node, and forget it with its data"),
    ):
        _named(below, name, summary, _change).set_defaults(change=name)


def _verb(verbs: Verbs, name: str, summary: str, function: object) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(parser, asks=True)
    parser.set_defaults(run=function)
    return parser


def _named(verbs: Verbs, name: str, summary: str, function: object) -> argparse.ArgumentParser:
    parser = _verb(verbs, name, summary, function)
    parser.add_argument("service", metavar="NAME", help="its name")
    return parser


def _list(options: argparse.Namespace) -> int:
    views = cast("list[Row]", _ask(options, "service.list", {}))
    refused = cast("list[str]", _ask(options, "service.refused", {}))
    if options.json:
        print(json.dumps(views, indent=1, ensure_ascii=False))
        return 0
    rows = [line for view in views for line in _lines(view)]
    print(format_table(("SERVICE", "REVISION", "NODE", "STATE", "RESTARTS", "WHY"), rows))
    for why in refused:
        print(f"refused: {printable(why)}", file=sys.stderr)
    return 0


def _lines(view: Row) -> list[tuple[str, ...]]:
    name, number = str(view["name"]), str(_revision(view)["number"])
    if view["kind"] != "service":
        name = f"{name} ({view['kind']!s})"
    if view["wanted"] != "running":
        return [(name, number, "—", str(view["wanted"]), "", str(view["why"]))]
    nodes = cast("list[Row]", view["nodes"])
    if not nodes:
        return [(name, number, "—", "waiting", "", "no node meets its needs")]
    return [
        (
            name,
            str(row["running"] or "—"),
            str(row["name"]),
            str(row["state"]) if row["is_alive"] else "offline",
            str(row.get("restarts") or ""),
            str(row["why"]),
        )
        for row in nodes
    ]


def _logs(options: argparse.Namespace) -> int:
    return asyncio.run(_show(options))


async def _show(options: argparse.Namespace) -> int:
    views = cast("list[Row]", await ask(options.data, "service.list", timeout_s=ASK_S))
    rows = cast("list[Row]", _of(views, options.service)["nodes"])
    names = {str(row["node"]): str(row["name"]) for row in rows if row["is_alive"]}
    if options.node:
        names = await nodes_named(options.data, [options.node])
    output = Output(options.data, options.service, names, is_json=options.json)
    await output.last(options.lines)
    if options.follow:
        await output.follow(is_closed=bool(options.node))
    return 1 if output.has_trouble else 0


def _history(options: argparse.Namespace) -> int:
    view = _one(options)
    revisions = [_revision(view), *cast("list[Row]", view["past"])]
    if options.json:
        print(json.dumps(revisions, indent=1, ensure_ascii=False))
        return 0
    rows = [
        (
            str(one["number"]),
            datetime.fromtimestamp(cast("float", one["at"]), UTC).strftime("%Y-%m-%d %H:%M:%S"),
            str(one["by_name"]),
            str(one["bundle"])[:12],
            "failed" if one["is_bad"] else "",
            str(one["note"]),
        )
        for one in revisions
    ]
    print(format_table(("REVISION", "PUSHED (UTC)", "BY", "CODE", "", "NOTE"), rows))
    return 0


def _return(options: argparse.Namespace) -> int:
    args: Row = {"name": options.service, "revision": options.revision}
    view = cast("Row", _ask(options, "service.return", args))
    if options.json:
        print(json.dumps(view, indent=1, ensure_ascii=False))
    else:
        revision = _revision(view)
        print(f"{view['name']!s} is revision {revision['number']!s}: {revision['note']!s}")
    return 0


def _change(options: argparse.Namespace) -> int:
    answer = cast("Row", _ask(options, f"service.{options.change}", {"name": options.service}))
    if options.json:
        print(json.dumps(answer))
    else:
        print(f"{answer['name']!s} is {answer['wanted']!s}")
    return 0


def _one(options: argparse.Namespace) -> Row:
    return _of(cast("list[Row]", _ask(options, "service.list", {})), options.service)


def _of(views: list[Row], service: str) -> Row:
    for view in views:
        if view["name"] == service:
            return view
    raise ConfigError(
        "there is no such service", where=service, remedy="cantor service list shows them"
    )


def _revision(view: Row) -> Row:
    return cast("Row", view["revision"])


def _ask(options: argparse.Namespace, call: str, args: Row) -> Value:
    return asyncio.run(ask(options.data, call, args, timeout_s=ASK_S))
