"""``cantor task``: the tasks of this box and of the whole mesh, under way and ended.

Exit codes: 0 done; 2 no such task is remembered or under way, or no result of that id is kept; 69
no agent answers here, or the node that was asked does not; 70 the task failed; 74 the disk refuses;
75 a durable task has no result yet.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import ConfigError
from cantor.base.units import format_size
from cantor.cli import task_text
from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.scheduling.tasks.finding import EVERYWHERE, PAGE_MAX
from cantor.scheduling.tasks.story import STATES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_NO_RESULT_YET = 75
_FAILED = 70
_ANSWER_S = 5.0
"""The agent says within this what it has."""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    task = verbs.add_parser("task", help="see and end tasks, of this box or of any")
    inner = task.add_subparsers(title="verbs", metavar="VERB", required=True)
    _register_list(inner)
    for name, summary, run in (
        ("show", "the story of a task: attempts, nodes, times, error, output", _show),
        ("cancel", "end a task, also where it runs", _cancel),
        ("logs", "what a task has printed, the end of it: at most 64 KiB", _logs),
    ):
        _verb(inner, name, summary, run).add_argument(
            "task", metavar="TASK", help="its number here, or its id as cantor task list shows it"
        )
    submit = _verb(
        inner, "submit", "run a pushed task (cantor push), and print its result", _submit
    )
    submit.add_argument(
        "task", metavar="NAME", help="photos, or photos.shrink of several functions"
    )
    submit.add_argument(
        "arguments", metavar="JSON", nargs="?", default="[]",
        help='its arguments: a list, as in \'["a.jpg", 3]\', or by name: \'{"width": 3}\'',
    )  # fmt: skip
    _verb(inner, "kept", "results of durable tasks that are kept here, and for how long", _kept)
    result = _verb(inner, "result", "print what a durable task returned", _result)
    result.add_argument("task", metavar="ID")
    result.add_argument(
        "--wait", type=float, default=0.0, metavar="S", help="wait so many seconds for it"
    )
    forget = _verb(inner, "forget", "keep the result of a durable task no longer", _forget)
    forget.add_argument("task", metavar="ID")


def _register_list(verbs: Verbs) -> None:
    listed = _verb(verbs, "list", "tasks that are under way, or have ended", _list)
    where = listed.add_mutually_exclusive_group()
    where.add_argument("--node", default="", metavar="NODE", help="those submitted at that node")
    where.add_argument("--all", action="store_true", help="those submitted at any node")
    listed.add_argument(
        "--state", default="waits,runs", metavar="STATES",
        help=f"in these states, with commas between: {', '.join(STATES)}, or all (default: "
        "waits,runs)",
    )  # fmt: skip
    listed.add_argument("--project", default="", metavar="NAME", help="of that project")
    listed.add_argument("--function", default="", metavar="NAME", help="of that function")
    listed.add_argument(
        "--limit", type=int, default=50, metavar="N",
        help=f"the newest N, {PAGE_MAX} at most (default: 50)",
    )  # fmt: skip


def _verb(
    verbs: Verbs, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(parser, asks=True)
    parser.set_defaults(run=run)
    return parser


def _list(options: argparse.Namespace) -> int:
    if not 0 < options.limit <= PAGE_MAX:
        raise ConfigError(f"a number from 1 to {PAGE_MAX}", where="--limit")
    states = [] if options.state == "all" else [one.strip() for one in options.state.split(",")]
    asked: dict[str, Value] = {
        "at": EVERYWHERE if options.all else options.node,
        "states": list(states),
        "project": options.project,
        "function": options.function,
        "limit": options.limit,
    }
    told = _asked(options, "tasks.page", asked)
    is_here = not options.all and not options.node
    others = _asked(options, "tasks.list", {})["for_others"] if is_here else []
    if options.json:
        told = {**told, "for_others": others} if is_here else told
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print(task_text.listed(told, others, now=time.time(), is_here=is_here), end="")
    return 0


def _show(options: argparse.Namespace) -> int:
    told = _ask(options, "tasks.story")
    if options.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print(task_text.story(told), end="")
    return 0


def _cancel(options: argparse.Namespace) -> int:
    told = _ask(options, "tasks.cancel")
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
    elif told["was_open"]:
        print(f"Task {options.task} ({told['name']}) ended.")
    else:
        raise ConfigError(
            f"it has ended already: {told['row']['state']}", where=f"task {options.task}",
            remedy="cantor task list shows those that are under way",
        )  # fmt: skip
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


def _submit(options: argparse.Namespace) -> int:
    from cantor.tasks.connect import connect
    from cantor.tasks.pushed import pushed

    args, kwargs = _arguments(options.arguments)
    with connect(options.data):
        future = pushed(options.task).submit(*args, **kwargs)
        try:
            value = future.result()
        except Exception as error:  # noqa: BLE001 (tasks raise what they like)
            print(f"{options.task} failed: {type(error).__name__}: {error}", file=sys.stderr)
            return _FAILED
    print(json.dumps(value, ensure_ascii=False, default=repr) if options.json else repr(value))
    return 0


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    remedy = """write '[64, "red"]', or '{"width": 64}' for arguments by name"""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"no JSON: {error}", where="arguments", remedy=remedy) from error
    if isinstance(told, dict):
        return [], told
    if isinstance(told, list):
        return told, {}
    raise ConfigError("expected a list, or arguments by name", where="arguments", remedy=remedy)


def _forget(options: argparse.Namespace) -> int:
    told = _ask(options, "tasks.forget")
    print(json.dumps(told) if options.json else f"The result of task {told['task']} is forgotten.")
    return 0


def _ask(options: argparse.Namespace, call: str) -> dict[str, Any]:
    return _asked(options, call, {"task": options.task})


def _asked(options: argparse.Namespace, call: str, args: dict[str, Value]) -> dict[str, Any]:
    return cast("dict[str, Any]", asyncio.run(ask(options.data, call, args)))
