"""``cantor project``: the projects that share what the mesh has, and what each may have of it.

Exit codes: 0 done; 2 a value is wrong, there is no such project, or this node is no issuer; 69 no
agent answers here.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import ConfigError
from cantor.base.units import format_size
from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.node.grants.written import value_from_text
from cantor.scheduling.shares.terms import check_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

NO_LIMIT = "none"
BYTES = ("Disk", "Memory")
"""The quantities that are counted in bytes."""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "the projects that share what the mesh has"
    inner = verbs.add_parser("project", help=summary, description=summary).add_subparsers(
        title="verbs", metavar="VERB", required=True
    )
    listing = inner.add_parser("list", help="every project with its terms")
    change = inner.add_parser("set", help="declare a project, or change its terms; at an issuer")
    change.add_argument("name", metavar="NAME")
    change.add_argument(
        "--share", type=int, metavar="N",
        help="so many parts of what projects wait for together (default: 1)",
    )  # fmt: skip
    change.add_argument(
        "--priority", type=int, metavar="N", help="a higher one goes first (default: 0)"
    )
    change.add_argument(
        "--limit", action="append", default=[], metavar="RESOURCE=AMOUNT",
        help="it never holds more, as in GPU=4 or Memory=2GiB; GPU=none takes a limit away",
    )  # fmt: skip
    remove = inner.add_parser("remove", help="its tasks use the default project from then on")
    remove.add_argument("name", metavar="NAME")
    for verb, run in ((listing, _list), (change, _set), (remove, _remove)):
        verb.add_argument("--json", action="store_true", help="print JSON")
        add_folder_option(verb, asks=True)
        verb.set_defaults(run=run)


def _list(options: argparse.Namespace) -> int:
    return _show(options, "project.list", {})


def _set(options: argparse.Namespace) -> int:
    limits = dict(limit_from_text(text) for text in options.limit)
    given: dict[str, Value] = {"share": options.share, "priority": options.priority}
    args = {"name": check_name(options.name), "limits": cast("Value", limits), **given}
    return _show(options, "project.set", args)


def _remove(options: argparse.Namespace) -> int:
    return _show(options, "project.remove", {"name": options.name})


def limit_from_text(text: str) -> tuple[str, float | None]:
    """A limit as people give it: ``GPU=4``, ``Memory=2GiB`` (bytes), ``GPU=none``.

    Raises:
        ConfigError: it is none.
    """
    name, sign, written = text.partition("=")
    value, _ = value_from_text(written)
    if written == NO_LIMIT and name:
        return name.strip(), None
    if (
        not sign
        or not name.strip()
        or isinstance(value, bool)
        or not isinstance(value, int | float)
    ):
        raise ConfigError(
            f"{text[:80]!r} limits nothing", where="--limit", remedy="write GPU=4 or Memory=2GiB"
        )
    return name.strip(), cast("float", value)


def limit_texts(limits: Mapping[str, float]) -> str:
    """Limits for people."""
    return ", ".join(f"{name}={amount(name, most)}" for name, most in sorted(limits.items())) or "-"


def amount(resource: str, value: float) -> str:
    """How much of a quantity, for people."""
    return format_size(value) if resource in BYTES else f"{value:.4g}"


def _show(options: argparse.Namespace, call: str, args: dict[str, Value]) -> int:
    told = cast("list[dict[str, Any]]", asyncio.run(ask(options.data, call, args)))
    if options.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    rows = [
        (row["project"], str(row["share"]), str(row["priority"]), limit_texts(row["limits"]))
        for row in told
    ]
    print(format_table(("PROJECT", "SHARE", "PRIORITY", "LIMITS"), rows))
    return 0
