"""``cantor task``: the tasks that this box's scripts have submitted, and those it runs for others.

Exit codes: 0 done; 2 no task of that number is under way; 69 no agent answers here.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_HEADER = ("TASK", "FUNCTION", "STATE", "NODE", "ATTEMPT", "AGE", "NEEDS")


def register(verbs: Verbs) -> None:
    """Add the verb."""
    task = verbs.add_parser("task", help="see and end the tasks of this box's scripts")
    inner = task.add_subparsers(title="verbs", metavar="VERB", required=True)
    _verb(inner, "list", "tasks that are under way", _list)
    for name, summary, run in (
        ("cancel", "end a task, also where it runs", _cancel),
        ("logs", "what a task has printed so far, at most 64 KiB", _logs),
    ):
        _verb(inner, name, summary, run).add_argument("task", type=int, metavar="TASK")


def _verb(
    verbs: Verbs, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(parser, asks=True)
    parser.set_defaults(run=run)
    return parser


def _list(options: argparse.Namespace) -> int:
    told = cast("dict[str, list[dict[str, Any]]]", asyncio.run(ask(options.data, "tasks.list")))
    if options.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    rows = [
        (str(row["task"]), row["name"], row["state"], row["node"] or "-", str(row["attempt"]),
         f"{row['age_s']:.1f} s", row["needs"])
        for row in told["submitted"]
    ]  # fmt: skip
    print(format_table(_HEADER, rows))
    if told["for_others"]:
        others = [
            (str(row["task"]), row["name"], row["state"], row["from"], str(row["attempt"]))
            for row in told["for_others"]
        ]
        print(format_table(("FOR OTHERS", "FUNCTION", "STATE", "FROM", "ATTEMPT"), others))
    return 0


def _cancel(options: argparse.Namespace) -> int:
    told = _ask(options, "tasks.cancel")
    print(json.dumps(told) if options.json else f"Task {told['task']} ({told['name']}) ended.")
    return 0


def _logs(options: argparse.Namespace) -> int:
    told = _ask(options, "tasks.logs")
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(told["output"], end="")
    return 0


def _ask(options: argparse.Namespace, call: str) -> dict[str, Any]:
    return cast("dict[str, Any]", asyncio.run(ask(options.data, call, {"task": options.task})))
