"""``cantor logs``: what the nodes of the mesh say, and what their services print.

Exit codes: 0 done; 1 a node did not answer; 2 no such node, or a wrong option; 69 no agent answers
here.
"""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.cli.folders import add_folder_option
from cantor.cli.log_reading import alive, follow, last, nodes_named, since
from cantor.cli.log_text import Shown
from cantor.node.logs.lines import LEVELS
from cantor.node.logs.query import Query, query_from

if TYPE_CHECKING:
    import argparse

    from cantor.node.logs.lines import Level

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

LINES_DEFAULT = 100
_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|m|min|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "what nodes say and their services print, from any node"
    logs = verbs.add_parser("logs", help=summary, description=summary)
    logs.add_argument("node", nargs="*", metavar="NODE", help="only these nodes (default: all)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as more is said")
    logs.add_argument(
        "-n", "--lines", type=int, metavar="N",
        help=f"the last N of all nodes together ({LINES_DEFAULT}; all with --since)",
    )  # fmt: skip
    logs.add_argument(
        "--since", default="", metavar="TIME", help="from then on: 10m, 2h, 2026-11-27T08:30 (UTC)"
    )
    logs.add_argument("--until", default="", metavar="TIME", help="before then, as --since")
    logs.add_argument(
        "--grep", action="append", default=[], metavar="TEXT",
        help="only lines with this text in them; several: with all of them",
    )  # fmt: skip
    logs.add_argument("-i", "--ignore-case", action="store_true", help="letters A to Z in any case")
    logs.add_argument("--level", choices=LEVELS, default="debug", help="this one, or above it")
    logs.add_argument(
        "--source", default="", metavar="NAME",
        help="only from the agent, or from service/NAME; service/ is all services",
    )  # fmt: skip
    logs.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_folder_option(logs, asks=True)
    logs.set_defaults(run=lambda options: asyncio.run(_logs(options)))


async def _logs(options: argparse.Namespace) -> int:
    query = query_of(options, time.time())
    data = options.data
    names = await (nodes_named(data, options.node) if options.node else alive(data))
    shown = Shown(names, is_json=options.json)
    if options.lines is None and query.since:
        places = await since(data, names, query, shown)
    else:
        count = LINES_DEFAULT if options.lines is None else options.lines
        places = await last(data, names, query, count, shown)
    if options.follow:
        await follow(data, query, places, shown, is_closed=bool(options.node))
    return 1 if shown.has_trouble else 0


def query_of(options: argparse.Namespace, now: float) -> Query:
    """What the options ask for.

    Raises:
        ConfigError: one of them is of no use.
    """
    if options.lines is not None and options.lines < 0:
        raise ConfigError("give 0 or more lines", where="--lines")
    if options.follow and options.until:
        raise ConfigError("nothing follows after --until", where="--follow")
    query = Query(
        tuple(options.grep),
        options.ignore_case,
        cast("Level", options.level),
        options.source,
        **{name: moment_of(text, now, f"--{name}") for name in ("since", "until")
           if (text := getattr(options, name))},
    )  # fmt: skip
    return query_from(query.as_value())


def moment_of(text: str, now: float, where: str) -> float:
    """UTC seconds for ``10m`` ago, ``2026-11-27``, ``2026-11-27T08:30`` or with a zone.

    Raises:
        ConfigError: it is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - float(ago[1]) * _SECONDS[ago[2]]
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(
            f"not a time: {text[:40]!r}",
            where=where,
            remedy="write 10m (ago), or 2026-11-27T08:30 (UTC)",
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
