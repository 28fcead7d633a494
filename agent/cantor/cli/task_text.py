"""What ``cantor task list`` and ``cantor task show`` print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cantor.base.text import printable
from cantor.cli.table import format_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

_HEADER = ("TASK", "FUNCTION", "STATE", "NODE", "ATTEMPT", "AGE", "PROJECT", "NEEDS")
_ID_DIGITS = 8
_STDERR = 2


def listed(told: Row, others: Sequence[Row], *, now: float, is_here: bool) -> str:
    """The tasks of this node, those that it runs for others, or the tasks of any nodes."""
    rows = [
        (
            str(row["number"]) if is_here else _short(row),
            row["name"],
            row["state"],
            _node(row["node"], row["node_name"]) or "-",
            str(row["attempts"]),
            f"{max(0.0, (row['ended'] or now) - row['submitted']):.1f} s",
            row["project"],
            row["needs"],
        )
        for row in told["rows"]
    ]
    lines = [format_table(_HEADER, rows)]
    if others:
        theirs = [
            (str(row["task"]), row["name"], row["state"], row["from"], str(row["attempt"]))
            for row in others
        ]
        lines.append(format_table(("FOR OTHERS", "FUNCTION", "STATE", "FROM", "ATTEMPT"), theirs))
    if told["more"]:
        lines.append("There are more: see --limit.")
    lines += [
        f"{_node(one['node'], one['name'])} does not answer: {one['why']}"
        for one in told["missing"]
    ]
    return "".join(f"{line}\n" for line in lines)


def story(told: Row) -> str:
    """All that is remembered of a task."""
    task = told["task"]
    began, ended = task["started"], task["ended"]
    facts = [
        ("Task", task["id"]),
        ("Function", task["name"]),
        ("State", task["state"] + (f": {task['why']}" if task["why"] else "")),
        ("Project", task["project"]),
        ("Submitted", f"{_moment(task['submitted'])} at {_node(task['home'], task['home_name'])}"),
        ("Started", "" if began is None else _moment(began)),
        ("Ended", "" if ended is None else _moment(ended)),
        ("Progress", _progress(task["progress"], told["progress_text"])),
        ("Needs", task["needs"]),
        ("Terms", _terms(told)),
        ("Durable id", task["durable_id"]),
        ("Submitted by", task["parent"]),
        ("Group", task["group"]),
        ("Actor", task["actor"]),
    ]
    lines = [f"{name + ':':<14}{printable(value)}" for name, value in facts if value]
    if told["attempts"]:
        lines += ["", format_table(_ATTEMPTS, [_attempt(one) for one in told["attempts"]])]
    if left_out := told["attempts_left_out"]:
        lines.append(f"{left_out} attempts before these are not remembered.")
    if told["error"] is not None:
        lines += ["", *map(printable, told["error"]["traceback"].rstrip().split("\n"))]
    if told["output"]:
        lines += ["", "The end of what it printed:" if told["is_output_cut"] else "It printed:"]
        lines += map(printable, _written(told["output"]).split("\n"))
    return "".join(f"{line}\n" for line in lines)


_ATTEMPTS = ("ATTEMPT", "NODE", "WORKER", "SENT", "STARTED", "RAN", "END", "WHY")


def _attempt(one: Row) -> tuple[str, ...]:
    began, ended = one["started"], one["ended"]
    ran = f"{ended - began:.3f} s" if began is not None and ended is not None else "-"
    return (
        str(one["number"]),
        _node(one["node"], one["node_name"]),
        str(one["worker"] or "-"),
        _moment(one["sent"]),
        "-" if began is None else _moment(began),
        ran,
        one["end"] or "-",
        one["why"],
    )


def _terms(told: Row) -> str:
    words = [told["mode"]]
    if told["python"]:
        words.append(f"Python {told['python']}")
    if told["retries"]:
        words.append(f"{told['retries']} retries")
    if told["at_most_once"]:
        words.append("at most once")
    if told["deadline_s"] is not None:
        words.append(f"within {told['deadline_s']:g} s")
    return ", ".join(words)


def _progress(fraction: float | None, text: str) -> str:
    return "" if fraction is None else f"{100 * fraction:.0f} % {text}".rstrip()


def _written(pieces: Sequence[Sequence[Any]]) -> str:
    """What it printed; what went to standard error is marked."""
    told = "".join(
        "".join(f"! {line}" for line in text.splitlines(keepends=True))
        if descriptor == _STDERR
        else text
        for descriptor, text in pieces
    )
    return told.rstrip("\n")


def _short(row: Row) -> str:
    return f"{row['home'][:_ID_DIGITS]}-{row['life']}-{row['number']}"


def _node(node: str, name: str) -> str:
    return name or node[:_ID_DIGITS]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
