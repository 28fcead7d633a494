"""``cantor mesh``: see the mesh that this box's agent is a node of, and measure it.

A NODE is given by its name, its id or the start of its id. Exit codes: 0 done; 2 no node is called
that, or several are; 69 no agent answers here, or the node or a way to it cannot be reached; 76 a
node on the way is too old to answer; 130 interrupted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import ConfigError, UnavailableError
from cantor.cli import authority, mesh_text
from cantor.cli.folders import add_folder_option
from cantor.node.control import ask
from cantor.node.mesh_calls import PING_TIMEOUT_S, STEP_S_MAX
from cantor.wire.frame import TTL_DEFAULT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_ANSWER_TIMEOUT_S = 3 * PING_TIMEOUT_S
_BENCH_TIMEOUT_S = 60.0
_STEP_S = STEP_S_MAX / 4
_MEASURES = ("round_trips", "send", "receive")
PINGS_MAX = 100_000
BENCH_S_MAX = 60.0


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    mesh = verbs.add_parser("mesh", help="see and measure the mesh around this box")
    inner = mesh.add_subparsers(title="verbs", metavar="VERB", required=True)
    _verb(inner, "status", "this node's links with their figures", _status)
    graph = _verb(inner, "graph", "every node and link that the ledger knows", _graph)
    graph.add_argument("--format", choices=("text", "json", "dot"), default="text")
    path = _verb(inner, "path", "the cheapest way between two nodes, with its costs", _path)
    path.add_argument("start", metavar="A")
    path.add_argument("end", metavar="B")
    ping = _verb(inner, "ping", "how long a node takes to answer", _ping)
    ping.add_argument("node", metavar="NODE")
    ping.add_argument("-c", "--count", type=int, default=5, metavar="N", help="default: 5")
    ping.add_argument(
        "-i", "--interval", type=float, default=0.2, metavar="SECONDS", help="default: 0.2"
    )
    trace = _verb(inner, "trace", "the nodes that messages pass, asked one after another", _trace)
    trace.add_argument("node", metavar="NODE")
    bench = _verb(inner, "bench", "round trips and throughput between this node and one", _bench)
    bench.add_argument("node", metavar="NODE")
    bench.add_argument(
        "--seconds", type=float, default=2.0, help="for each of three measures (default: 2)"
    )
    authority.register(inner)


def _verb(
    verbs: Verbs, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(parser, asks=True)
    parser.set_defaults(run=run)
    return parser


def _ask(
    folder: Path, call: str, *, timeout_s: float = _ANSWER_TIMEOUT_S, **args: Value
) -> dict[str, Any]:
    return cast("dict[str, Any]", asyncio.run(ask(folder, call, args, timeout_s=timeout_s)))


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False))


def _status(options: argparse.Namespace) -> int:
    status = _ask(options.data, "mesh.status")
    if options.json:
        _print_json(status)
    else:
        print(mesh_text.status_text(status))
    return 0


def _graph(options: argparse.Namespace) -> int:
    graph = _ask(options.data, "mesh.graph")
    if options.json or options.format == "json":
        _print_json(graph)
    elif options.format == "dot":
        print(mesh_text.graph_dot(graph))
    else:
        print(mesh_text.graph_text(graph))
    return 0


def _path(options: argparse.Namespace) -> int:
    path = _ask(options.data, "mesh.path", **{"from": options.start, "to": options.end})
    if options.json:
        _print_json(path)
    else:
        print(mesh_text.path_text(path))
    return 0


def _ping(options: argparse.Namespace) -> int:
    if not 1 <= options.count <= PINGS_MAX:
        raise ConfigError(f"give 1 to {PINGS_MAX}", where="--count")
    if not 0 <= options.interval <= 3600:
        raise ConfigError("give 0 to 3600 seconds", where="--interval")
    about = _ask(options.data, "mesh.find", node=options.node)
    rtts_ms: list[float] = []
    reason = None
    for number in range(options.count):
        if number:
            time.sleep(options.interval)
        try:
            rtts_ms.append(_ask(options.data, "mesh.ping", node=about["node"])["rtt_ms"])
        except UnavailableError as error:
            reason = error
            _say(options, f"{about['name']}: {error}")
        else:
            _say(options, f"{about['name']} answers in {rtts_ms[-1]:.3f} ms")
    lost = options.count - len(rtts_ms)
    if options.json:
        spread = mesh_text.spread_of(rtts_ms) if rtts_ms else None
        _print_json({**about, "sent": options.count, "lost": lost, "rtt_ms": spread})
    else:
        print(mesh_text.ping_text(about["name"], rtts_ms, lost))
    return 0 if reason is None or rtts_ms else reason.exit_code


def _trace(options: argparse.Namespace) -> int:
    """Walk as a message does; a loop or a way without end is told, and ends it."""
    target = _ask(options.data, "mesh.find", node=options.node)
    here = _ask(options.data, "mesh.status")
    hops: list[dict[str, Any]] = []
    at, failure = here["id"], None
    while at != target["node"] and failure is None:
        try:
            hops.append(_ask(options.data, "mesh.hop", at=at, to=target["node"]))
        except UnavailableError as error:
            failure = error
            continue
        passed = [here["id"], *(hop["node"] for hop in hops[:-1])]
        at = hops[-1]["node"]
        _say(options, f"{len(hops):>2}  {hops[-1]['name']}  {hops[-1]['rtt_ms']:.3f} ms")
        if at in passed or len(hops) > TTL_DEFAULT:
            failure = UnavailableError(
                "the way comes back to a node" if at in passed else "the way does not end",
                where=hops[-1]["name"],
                remedy="try again: routes follow within seconds of a change",
            )
    if options.json:
        _print_json({**target, "from": here["id"], "hops": hops, "reached": failure is None})
    elif failure is None and not hops:
        print(f"{target['name']} is this node")
    if failure is not None:
        raise failure
    return 0


def _bench(options: argparse.Namespace) -> int:
    if not 0.1 <= options.seconds <= BENCH_S_MAX:
        raise ConfigError(f"give 0.1 to {BENCH_S_MAX:g}", where="--seconds")
    about = _ask(options.data, "mesh.find", node=options.node)
    found: dict[str, list[dict[str, Any]]] = {}
    steps = max(1, round(options.seconds / _STEP_S))
    step_s = min(options.seconds / steps, STEP_S_MAX)
    for at, measure in enumerate(_MEASURES):
        for step in range(steps):
            _show_progress((at * steps + step) / (len(_MEASURES) * steps), measure)
            found.setdefault(measure, []).append(
                _ask(
                    options.data,
                    "mesh.bench",
                    timeout_s=_BENCH_TIMEOUT_S,
                    node=about["node"],
                    measure=measure,
                    seconds=step_s,
                )
            )
    _show_progress(1.0, "")
    report = {**about, **_report(found, step_s * steps)}
    if options.json:
        _print_json(report)
    else:
        print(mesh_text.bench_text(report))
    return 0


def _report(found: dict[str, list[dict[str, Any]]], seconds: float) -> dict[str, Any]:
    trips = [rtt for step in found["round_trips"] for rtt in step["rtt_ms"]]
    speeds = {
        f"{measure}_mb_per_s": round(
            sum(step["bytes"] for step in found[measure])
            / sum(step["seconds"] for step in found[measure])
            / 1e6,
            3,
        )
        for measure in ("send", "receive")
    }
    round_trips = {
        "count": len(trips),
        "per_second": round(1000 * len(trips) / sum(trips), 1),
        "rtt_ms": mesh_text.spread_of(trips),
    }
    return {"seconds": seconds, "round_trips": round_trips, **speeds}


def _say(options: argparse.Namespace, line: str) -> None:
    """Tell what has just come, unless the output is JSON."""
    if not options.json:
        print(line, flush=True)


def _show_progress(share: float, measure: str) -> None:
    """A bar on a terminal; nothing where the output is kept."""
    if sys.stderr.isatty():
        bar = ("#" * round(20 * share)).ljust(20, ".")
        end = "\r" if share < 1 else "\r\033[K"
        print(f"[{bar}] {measure.replace('_', ' '):<12}", end=end, file=sys.stderr, flush=True)
