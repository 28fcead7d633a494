"""``cantor task``: the tasks that this box's scripts have submitted, and those it runs for others.

Exit codes: 0 done; 2 no task of that number is under way, or no result of that id is kept; 69 no
agent answers here; 70 the task failed; 74 the disk refuses; 75 a durable task has no result yet.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from cantor.base.units import format_size
from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_NO_RESULT_YET = 75
_ANSWER_S = 5.0
"""The agent says within this what it has."""
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
    _verb(inner, "kept", "results of durable tasks that are kept here, and for how long", _kept)
    result = _verb(inner, "result", "print what a durable task returned", _result)
    result.add_argument("task", metavar="ID")
    result.add_argument(
        "--wait", type=float, default=0.0, metavar="S", help="wait so many seconds for it"
    )
    forget = _verb(inner, "forget", "keep the result of a durable task no longer", _forget)
    forget.add_argument("task", metavar="ID")


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


def _kept(options: argparse.Namespace) -> int:
    told = cast("dict[str, Any]", asyncio.run(ask(options.data, "tasks.kept")))
    if options.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    rows = [
        (row["id"], row["name"], row["state"], row["attempt"], _span(row["age_s"]),
         _span(row["left_s"]))
        for row in told["results"]
    ]  # fmt: skip
    print(format_table(("ID", "FUNCTION", "STATE", "ATTEMPT", "AGE", "KEPT FOR"), rows))
    limits = told["limits"]
    print(
        f"{told['tasks']} of {limits['tasks_max']} tasks and results, "
        f"{format_size(told['bytes'])} of {format_size(limits['bytes_max'])}. "
        f"A result is kept for {_span(limits['result_s'])}, "
        f"or {_span(limits['taken_s'])} once its program has it."
    )
    return 0


def _span(seconds: float) -> str:
    return str(timedelta(seconds=max(0, int(seconds)))).removesuffix(", 0:00:00")


def _result(options: argparse.Namespace) -> int:
    from cantor.scheduling.needs import parse  # what scripts need, which other verbs do not
    from cantor.tasks.connection import Connection
    from cantor.tasks.durable import find_at

    connection = Connection(options.data, parse(""))
    try:
        value = find_at(connection, options.task).result(max(options.wait, _ANSWER_S))
    except TimeoutError:
        print("It has no result yet.", file=sys.stderr)
        return _NO_RESULT_YET
    finally:
        connection.close(kill=True)
    print(json.dumps(value, ensure_ascii=False, default=repr) if options.json else repr(value))
    return 0


def _forget(options: argparse.Namespace) -> int:
    told = _ask(options, "tasks.forget")
    print(json.dumps(told) if options.json else f"The result of task {told['task']} is forgotten.")
    return 0


def _ask(options: argparse.Namespace, call: str) -> dict[str, Any]:
    return cast("dict[str, Any]", asyncio.run(ask(options.data, call, {"task": options.task})))
