"""What ``cantor mesh`` prints: tables for people, DOT for graphviz."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from cantor.base.ids import NodeId, short_name
from cantor.cli.table import format_table
from cantor.mesh.cost import RATE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Told = Mapping[str, Any]
"""An answer of the agent; ``cantor.node.mesh_calls`` says what is in it."""

_UNKNOWN = "-"
_STATUS_HEADER = ("LINK", "ADDRESS", "COST", "RTT", "LOSS", "RATE", "TREE", "WAITING", "CARRIED")
_EDGE_HEADER = ("LINK", "", "COST", "RTT", "LOSS", "TREE", "STATE")


def status_text(status: Told) -> str:
    """This node's links."""
    rows = [_link_row(link) for link in status["links"]]
    dropped = ", ".join(f"{why.replace('_', ' ')} {n}" for why, n in status["dropped"].items())
    tree = ", ".join(status["tree_neighbours"])
    here = f"{status['name']} ({short_name(NodeId(status['id']))})"
    lines = [
        f"{here} has {_count(len(rows), 'link')} and "
        f"reaches {status['nodes_online']} of {_count(status['nodes_known'], 'node')}.",
        f"Neighbours in the tree: {tree or 'none'}. Dropped: {dropped or 'nothing'}.",
    ]
    return "\n".join([*lines, *([format_table(_STATUS_HEADER, rows)] if rows else [])])


def graph_text(graph: Told) -> str:
    """Every link, the tree's marked, and the sides of a mesh that fell apart."""
    names = {node["id"]: node["name"] for node in graph["nodes"]}
    online = sum(node["state"] == "online" for node in graph["nodes"])
    edges = graph["edges"]
    lines = [f"{online} of {_count(len(names), 'node')} reached, {_count(len(edges), 'link')}."]
    lines += [
        f"Out of reach, but linked with each other when last heard: {_listed(names, part)}."
        for part in graph["parts"][1:]
    ]
    lonely = [n["name"] for n in graph["nodes"] if n["state"] != "online" and not n["degree"]]
    if lonely:
        lines.append(f"Offline: {', '.join(lonely)}.")
    rows = [
        (
            *(names[end] for end in edge["ends"]),
            f"{edge['cost']:g}",
            _milliseconds(edge.get("rtt_ms")),
            _percent(edge.get("loss")),
            "tree" if edge["tree"] else "",
            edge["state"],
        )
        for edge in edges
    ]
    return "\n".join([*lines, *([format_table(_EDGE_HEADER, rows)] if rows else [])])


def graph_dot(graph: Told) -> str:
    """The graph for graphviz: edges of the tree bold, what is out of reach dashed."""
    lines = ["graph mesh {", "  overlap=false; splines=true; node [shape=box, style=rounded];"]
    for node in graph["nodes"]:
        dashed = ', style="rounded,dashed"' if node["state"] != "online" else ""
        double = ", peripheries=2" if node["id"] == graph["here"] else ""
        named = f"{_quoted(node['id'])} [label={_quoted(node['name'])}"
        lines.append(f"  {named}{dashed}{double}];")
    for edge in graph["edges"]:
        low, high = edge["ends"]
        style = ("bold" if edge["tree"] else "solid") if edge["state"] == "up" else "dashed"
        label = _quoted(f"{edge['cost']:g}")
        lines.append(
            f"  {_quoted(low)} -- {_quoted(high)} [label={label}, weight={4 if edge['tree'] else 1}"
            f", style={style}];"
        )
    return "\n".join([*lines, "}"])


def path_text(path: Told) -> str:
    """The nodes of a path with what each step costs."""
    rows, total = [], 0.0
    for hop in path["hops"]:
        total += hop["cost"]
        rows.append((hop["name"], short_name(hop["node"]), f"{hop['cost']:g}", f"{total:g}"))
    return format_table(("NODE", "ID", "COST", "TOTAL"), rows)


def ping_text(name: str, rtts_ms: Sequence[float], lost: int) -> str:
    """What many round trips say together."""
    sent = len(rtts_ms) + lost
    if not rtts_ms:
        return f"{name}: none of {sent} answered"
    figures = spread_of(rtts_ms)
    return (
        f"{name}: {len(rtts_ms)} of {sent} answered, round trip min {figures['min']:.3f}, "
        f"median {figures['median']:.3f}, max {figures['max']:.3f} ms"
    )


def spread_of(rtts_ms: Sequence[float]) -> dict[str, float]:
    """Smallest, median, 99th of 100 and largest, in ms."""
    p99 = quantiles(rtts_ms, n=100)[98] if len(rtts_ms) > 1 else rtts_ms[0]
    found = {"min": min(rtts_ms), "median": median(rtts_ms), "p99": p99, "max": max(rtts_ms)}
    return {name: round(value, 4) for name, value in found.items()}


def bench_text(report: Told) -> str:
    """The result of a benchmark."""
    trips = report["round_trips"]
    rtt = trips["rtt_ms"]
    rows = [
        ("64 B round trip", f"median {rtt['median']:.3f}, p99 {rtt['p99']:.3f} ms"),
        ("round trips, one after another", f"{trips['per_second']:.0f} per second"),
        ("throughput there", f"{report['send_mb_per_s']:.1f} MB/s"),
        ("throughput back", f"{report['receive_mb_per_s']:.1f} MB/s"),
    ]
    return format_table((f"TO {report['name']}", "RESULT"), rows)


def _link_row(link: Told) -> tuple[str, ...]:
    queues = ("control_queued_bytes", "bulk_queued_bytes", "waiting_bytes")
    queued = sum(link.get(name) or 0 for name in queues)
    return (
        str(link["name"]),
        str(link.get("address", "")),
        _cost(link),
        _milliseconds(link.get("rtt_ms")),
        _percent(link.get("loss")),
        _rate(link.get("rate")),
        "tree" if link["tree"] else "",
        _bytes(queued),
        _bytes(link.get("carried_bytes")),
    )


def _cost(link: Told) -> str:
    """With the weight that an administrator has given, if one has."""
    weight = link.get("weight", 1.0)
    return f"{link['cost']:g}" + (f" (x{weight:g})" if weight != 1 else "")


def _milliseconds(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.3g} ms"


def _percent(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{100 * value:.3g} %"


def _rate(rate_class: float | None) -> str:
    """The least that a line of this class carries."""
    if rate_class is None or not 0 <= rate_class < len(RATE_CLASSES):
        return _UNKNOWN
    least = RATE_CLASSES[int(rate_class)][0]
    return f">= {_bytes(least)}/s" if least else f"< {_bytes(RATE_CLASSES[-2][0])}/s"


def _bytes(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.3g} {unit}"
        value /= 1000
    return _UNKNOWN


def _listed(names: Mapping[str, str], part: Sequence[str]) -> str:
    return ", ".join(sorted(names[node] for node in part))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
