"""``cantor queue``: message queues that nodes keep.

Exit codes: 0 done; 1 there is no such queue, or no message; 2 no such node, or a wrong option; 69
no agent answers here, or the node cannot be reached; 74 the queue is full, or its disk refuses; 75
the queue is there with other terms.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.base.units import format_size, parse_size
from cantor.cli.state_verbs import add_verb
from cantor.cli.table import format_table
from cantor.cli.value_text import STANDARD_INPUT, as_json, parsed, shown, value_from
from cantor.stores.queue_records import QueueTerms

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from cantor.state.messages import Message
    from cantor.state.queue_asks import Stats
    from cantor.state.queues import Queue

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Options = argparse.Namespace

_DEFAULT = QueueTerms()
_LOOK_S = 1.0
"""A queue in which much goes on is shown so often."""
_WAIT_S = 30.0


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "message queues that nodes keep for the programs of the mesh"
    queue = verbs.add_parser("queue", help=summary, description=summary)
    inner = queue.add_subparsers(title="verbs", metavar="VERB", required=True)
    _verb(inner, "list", "the queues of a node, with what they hold", _list)
    _register_create(inner)
    put = _verb(inner, "put", "put a message into a queue", _put)
    put.add_argument("value", metavar="VALUE", help="JSON, else a text; - reads it")
    put.add_argument("--text", action="store_true", help="take it as text, also if it is JSON")
    put.add_argument(
        "--lines", action="store_true", help="with -: each line is a message of its own"
    )
    put.add_argument(
        "--delay", type=float, default=0.0, metavar="S", help="it comes after S seconds"
    )
    take = _verb(inner, "take", "take messages, print and acknowledge them", _take)
    take.add_argument("--count", type=int, default=1, metavar="N", help="N at most (default: 1)")
    take.add_argument(
        "--keep", action="store_true", help="do not acknowledge them: they come again"
    )
    for parser in (put, take):
        parser.add_argument(
            "--wait", type=float, default=0.0, metavar="S",
            help="wait so many seconds for room, or for a message",
        )  # fmt: skip
    _verb(inner, "stats", "what a queue holds, and its terms", _stats)
    _verb(inner, "watch", "what a queue holds whenever that changes, until Ctrl+C", _watch)
    _verb(inner, "delete", "delete a queue with all its messages", _delete)


def _register_create(verbs: Verbs) -> None:
    create = _verb(verbs, "create", "make a queue, if it is not there", _create)
    create.add_argument(
        "--memory", action="store_true", help="not on the disk: it is lost with the agent"
    )
    create.add_argument(
        "--messages", type=int, default=_DEFAULT.messages_max, metavar="N",
        help=f"it holds N at most (default: {_DEFAULT.messages_max})",
    )  # fmt: skip
    create.add_argument(
        "--bytes", default=format_size(_DEFAULT.bytes_max), metavar="SIZE",
        help=f"it holds so much (default: {format_size(_DEFAULT.bytes_max)})",
    )  # fmt: skip
    create.add_argument(
        "--visible", type=float, default=_DEFAULT.visible_s, metavar="S",
        help="what is not acknowledged in S seconds comes again "
        f"(default: {_DEFAULT.visible_s:g})",
    )  # fmt: skip
    create.add_argument(
        "--tries", type=int, default=_DEFAULT.tries_max, metavar="N",
        help=f"it comes N times at most; 0: without end (default: {_DEFAULT.tries_max})",
    )  # fmt: skip
    create.add_argument(
        "--dead-letters", default="", metavar="QUEUE",
        help="where it goes then (default: it is dropped, and counted)",
    )  # fmt: skip


def _verb(
    verbs: Verbs, name: str, summary: str, run: Callable[[Options], int]
) -> argparse.ArgumentParser:
    parser = add_verb(verbs, name, summary, run, node="where it is kept")
    if name != "list":
        parser.add_argument("queue", metavar="QUEUE")
    return parser


def _queue(options: Options) -> Queue:
    from cantor.state.queues import Queue

    return Queue(options.queue, options.node)


def _list(options: Options) -> int:
    from cantor.state.queues import queues

    found = queues(options.node)
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=1, ensure_ascii=False))
    elif found:
        rows = [
            (shown(one.name), "disk" if one.terms.durable else "memory", str(one.messages),
             format_size(one.bytes), str(one.taken), str(one.delayed), str(one.dropped))
            for one in found
        ]  # fmt: skip
        header = ("QUEUE", "ON", "MESSAGES", "SIZE", "TAKEN", "DELAYED", "DROPPED")
        print(format_table(header, rows))
    else:
        print("No queues.")
    return 0


def _create(options: Options) -> int:
    made = _queue(options).create(
        durable=not options.memory, messages_max=options.messages,
        bytes_max=parse_size(options.bytes), visible_s=options.visible, tries_max=options.tries,
        dead_letters=options.dead_letters,
    )  # fmt: skip
    if options.json:
        print(json.dumps({"made": made}))
    else:
        print("Made." if made else "It is there already, with these terms.")
    return 0


def _put(options: Options) -> int:
    if options.lines and options.value != STANDARD_INPUT:
        raise ConfigError(
            "lines come from standard input", where="--lines", remedy="write - as the value"
        )
    value = value_from(options.value, is_text=options.text or options.lines)
    values: list[Any] = [value]
    if options.lines:
        lines = [line for line in str(value).splitlines() if line]
        values = lines if options.text else list(map(parsed, lines))
    ids = _queue(options).put_all(values, delay_s=options.delay, wait_s=options.wait)
    if options.json:
        print(json.dumps({"ids": ids}))
    else:
        print(f"Put, {ids[0]}." if len(ids) == 1 else f"Put {len(ids)} messages.")
    return 0


def _take(options: Options) -> int:
    queue = _queue(options)
    messages = queue.take(wait_s=options.wait, count=options.count)
    for message in messages:
        print(_message_json(message) if options.json else _message_text(message), flush=True)
    if not options.keep:
        queue.ack_all(messages)
    if not messages and not options.json:
        print("There is no message.", file=sys.stderr)
    return 0 if messages else 1


def _stats(options: Options) -> int:
    stats = _queue(options).stats()
    if options.json:
        print(json.dumps(asdict(stats), ensure_ascii=False))
        return 0
    terms = stats.terms
    tries = f"{terms.tries_max} tries" if terms.tries_max else "tries without end"
    letters = f"to {shown(terms.dead_letters)}" if terms.dead_letters else "dropped"
    print(f"{shown(stats.name)}, {'on disk' if terms.durable else 'in memory'}: {_held(stats)}")
    print(
        f"It holds {terms.messages_max} messages, {format_size(terms.bytes_max)}. "
        f"Comes again after {terms.visible_s:g} s, {tries}, then {letters}."
    )
    print(
        f"Since the agent started: {stats.put} put, {stats.done} acknowledged, {stats.came_again} "
        f"came again, {stats.dead} to the dead letters. Dropped ever: {stats.dropped}."
    )
    return 0


def _watch(options: Options) -> int:
    queue = _queue(options)
    stats = queue.stats()
    while True:
        if options.json:
            print(json.dumps(asdict(stats), ensure_ascii=False), flush=True)
        else:
            print(f"{datetime.now(UTC):%H:%M:%S}  {_held(stats)}", flush=True)
        before = stats
        while stats == before:
            stats = queue.stats(wait_s=_WAIT_S)
        time.sleep(_LOOK_S)
        stats = queue.stats()


def _delete(options: Options) -> int:
    was = _queue(options).delete()
    if options.json:
        print(json.dumps({"deleted": was}))
    else:
        print("Deleted." if was else f"There is no queue {options.queue!r}.")
    return 0 if was else 1


def _held(stats: Stats) -> str:
    return (
        f"{stats.messages} messages, {format_size(stats.bytes)}; {stats.taken} taken, "
        f"{stats.delayed} delayed, {stats.takers} waiting for one"
    )


def _message_text(message: Message) -> str:
    letter = f"  ({shown(message.source)}: {shown(message.why)})" if message.why else ""
    return f"{shown(message.value)}{letter}"


def _message_json(message: Message) -> str:
    fields: dict[str, Any] = {
        "id": message.id, "value": message.value, "tries": message.tries, "put_at": message.put_at,
    }  # fmt: skip
    if message.why:
        fields |= {"source": message.source, "why": message.why}
    return "{" + ", ".join(f'"{name}": {as_json(value)}' for name, value in fields.items()) + "}"
