"""Verbs about what nodes keep: their common options, and the connection that they ask over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.cli.folders import add_folder_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Options = argparse.Namespace


def add_verb(
    verbs: Verbs, name: str, summary: str, run: Callable[[Options], int], *, node: str = ""
) -> argparse.ArgumentParser:
    """A verb that asks the agent here; ``node`` says what its option of that name is for."""
    parser = verbs.add_parser(name, help=summary, description=summary)
    if node:
        parser.add_argument(
            "--node", default="", metavar="NODE", help=f"{node} (default: the node here)"
        )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(parser, asks=True)
    parser.set_defaults(run=lambda options: _connected(options, run))
    return parser


def _connected(options: Options, run: Callable[[Options], int]) -> int:
    from cantor.tasks.connect import connect

    with connect(options.data):
        return run(options)
