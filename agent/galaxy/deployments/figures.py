"""The figures of a deployment: what its nodes say, merged, with rates since the last look."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, cast

from cantor.base.errors import RemoteProtocolError
from galaxy.deployments.beside import BESIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Buffer, Value
    from galaxy.deployments.views import DeploymentView

    Headers = dict[str, Value]

RATE_WINDOW_S = 0.9
EDGE_KEYS = (
    "kind", "policy", "depth", "sent", "received", "dropped", "expired", "discarded", "waiting",
)  # fmt: skip
SUMMARY_KEYS = ("count", "mean", "p50", "p99", "max")


@dataclass(frozen=True, slots=True)
class Preview:
    """One picture of a preview filter."""

    number: int
    jpeg: bytes
    captured_at: float
    """UTC seconds since 1970, by the clock of the node that captured it."""
    age_ms: float
    objects: dict[str, int]

    @classmethod
    def unpack(cls, headers: Headers, body: tuple[Buffer, ...]) -> Preview:
        """From what a node answers.

        Raises:
            RemoteProtocolError: it is no preview.
        """
        number, at, age, objects = (
            headers.get(key) for key in ("number", "captured_at", "age_ms", "objects")
        )
        if (
            not isinstance(number, int)
            or not isinstance(at, float)
            or not isinstance(age, float)
            or not isinstance(objects, dict)
            or len(body) != 1
        ):
            raise RemoteProtocolError("a preview out of shape")
        counts = {label: count for label, count in objects.items() if isinstance(count, int)}
        return cls(number, bytes(body[0]), at, age, counts)


@dataclass(slots=True)
class Rates:
    """Frames per second, from two looks at counters that lie about a second apart."""

    _at_s: float = 0.0
    _counts: dict[str, int] = field(default_factory=dict)
    _rates: dict[str, float] = field(default_factory=dict)

    def update(self, counts: dict[str, int], now_s: float) -> dict[str, float]:
        """The rate of each counter; unchanged when asked again within the second."""
        elapsed_s = now_s - self._at_s
        if self._counts and elapsed_s < RATE_WINDOW_S:
            return self._rates
        before = self._counts
        if before:
            self._rates = {
                name: round(max(0, count - before.get(name, count)) / elapsed_s, 2)
                for name, count in counts.items()
            }
        self._at_s, self._counts = now_s, dict(counts)
        return self._rates


def is_understood(answer: Headers) -> bool:
    """Whether an answer is shaped as ``merge_figures`` reads it: nodes may say anything."""
    groups, previews = answer.get("groups") or [], answer.get("previews") or {}
    return isinstance(groups, list) and all(map(_is_group, groups)) and isinstance(previews, dict)


def _is_group(group: Value) -> bool:
    if not isinstance(group, dict):
        return False
    return (
        _are_rows(group.get("live"), lambda _: True)
        and _are_rows(group.get("filters"), _is_filter)
        and _are_rows(group.get("edges"), _is_edge)
    )


def _are_rows(table: Value, is_one: Callable[[Headers], bool]) -> bool:
    return isinstance(table, dict) and all(
        isinstance(row, dict) and is_one(row) for row in table.values()
    )


def _is_filter(row: Headers) -> bool:
    numbers, counters = ("frames_in", "frames_out"), row.get("counters")
    summaries = row.get("age_ms"), row.get("run_ms")
    is_counted = _count(row, numbers) and _number(row, ("mean_fps",)) and isinstance(counters, dict)
    return is_counted and all(map(_is_summary, summaries))


def _is_edge(row: Headers) -> bool:
    is_named = isinstance(row.get("kind"), str) and isinstance(row.get("policy"), str)
    return is_named and _count(row, EDGE_KEYS[2:]) and _is_summary(row.get("queue_ms"))


def _is_summary(row: Value) -> bool:
    return isinstance(row, dict) and _number(row, SUMMARY_KEYS)


def _count(row: Headers, names: Iterable[str]) -> bool:
    return all(type(row.get(name)) is int for name in names)


def _number(row: Headers, names: Iterable[str]) -> bool:
    values = (row.get(name) for name in names)
    return all(isinstance(value, (int, float)) and isfinite(value) for value in values)


def own_part(answer: Headers, own: Collection[str]) -> Headers:
    """What an answer that is understood says of these filters, and of connections that they are
    an end of: nobody speaks of filters that others run.
    """
    groups: list[Value] = []
    for group in cast("list[Headers]", answer.get("groups") or []):
        filters, edges = cast("Headers", group["filters"]), cast("Headers", group["edges"])
        groups.append({
            **group,
            "filters": {name: filters[name] for name in filters if name in own},
            "edges": {
                name: edges[name] for name in edges if _source(name) in own or _target(name) in own
            },
        })  # fmt: skip
    previews = cast("Headers", answer.get("previews") or {})
    shown: Headers = {name: previews[name] for name in previews if name in own}
    return {"groups": groups, "previews": shown}


def with_closed(
    figures: Headers, of_closed: Mapping[str, Headers], own: Mapping[str, Collection[str]]
) -> Headers:
    """The figures of a node's workers as those of one; groups that are closed in are marked.

    ``own`` are the filters of each closed group: an odd answer, or what one says of others, is
    left out.
    """
    groups = list(cast("list[Value]", figures.get("groups", [])))
    previews = dict(cast("Headers", figures.get("previews", {})))
    for leader, said in of_closed.items():
        if is_understood(said):
            part = own_part(said, own.get(leader, ()))
            told = cast("list[Headers]", part["groups"])
            groups += [{**group, BESIDE: leader} for group in told]
            previews.update(cast("Headers", part["previews"]))
    return {"groups": groups, "previews": previews}


def merge_figures(
    view: DeploymentView, answers: Mapping[NodeId, Headers], rates: Rates, now_s: float
) -> Headers:
    """Filters, edges and previews of all nodes; of an edge what both of its ends say together.

    The answers are such as ``is_understood``; of each counts what it says of the filters that its
    node runs.
    """
    filters: dict[str, Headers] = {}
    ends: dict[str, _Ends] = {}
    previews: Headers = {}
    counts: dict[str, int] = {}
    for node, said in answers.items():
        own = {name for name in view.nodes if view.nodes[name] == node}
        answer = own_part(said, own)
        previews.update(cast("Headers", answer.get("previews") or {}))
        for group in cast("list[Headers]", answer.get("groups") or []):
            live = cast("dict[str, Headers]", group["live"])
            for name, figures in cast("dict[str, Headers]", group["filters"]).items():
                filters[name] = _filter(view, name, figures, live.get(name, {}))
                made = figures["frames_in"] or figures["frames_out"]
                counts[name] = cast("int", made)
            for name, end in cast("dict[str, Headers]", group["edges"]).items():
                here = group["filters"] if _target(name) in own else own
                at = node, str(group.get(BESIDE, ""))
                sends = _source(name) in cast("Collection[str]", here)
                ends.setdefault(name, _Ends()).add(end, at, sends=sends)
    edges = {name: ends[name].merged() for name in ends}
    for name, edge in edges.items():
        counts[f"edge {name}"] = cast("int", edge["received"])
    per_second = rates.update(counts, now_s)
    for name, figures in filters.items():
        figures["fps"] = per_second.get(name, figures["mean_fps"])  # the first look has no rate
    for name, figures in edges.items():
        figures["fps"] = per_second.get(f"edge {name}", 0.0)
        if figures["kind"] == "strong":  # handed on in a call, and counted by who takes it
            figures["fps"] = filters.get(_target(name), {}).get("fps", 0.0)
    return {"filters": cast("Value", filters), "edges": cast("Value", edges), "previews": previews}


def _source(connection: str) -> str:
    return connection.partition(" -> ")[0].rpartition(".")[0]


def _target(connection: str) -> str:
    return connection.partition(" -> ")[2].rpartition(".")[0]


def _filter(view: DeploymentView, name: str, figures: Headers, live: Headers) -> Headers:
    age = _percentiles(figures["age_ms"])
    return {
        "node": view.nodes.get(name),
        "frames_in": figures["frames_in"],
        "frames_out": figures["frames_out"],
        "run_ms": _percentiles(figures["run_ms"]),
        **({"age_ms": age} if age["count"] else {}),
        "mean_fps": round(cast("float", figures["mean_fps"]), 2),
        "counters": figures["counters"],
        "report": live,
    }


@dataclass(slots=True)
class _Ends:
    """What is said of one connection by its sending and its receiving end."""

    _sender: Headers | None = None
    _receiver: Headers | None = None
    _at: list[tuple[NodeId, str]] = field(default_factory=list)

    def add(self, end: Headers, at: tuple[NodeId, str], *, sends: bool) -> None:
        """``at`` tells the process: its node, and which of that node's."""
        self._at.append(at)
        if sends:
            self._sender = end
        else:
            self._receiver = end

    def merged(self) -> Headers:
        """One edge; sent = received + dropped + expired + discarded + waiting."""
        end = self._sender or self._receiver or {}
        one = {key: end[key] for key in EDGE_KEYS} | {"queue_ms": _percentiles(end["queue_ms"])}
        if self._sender is not None and self._receiver is not None:
            one["queue_ms"] = _percentiles(self._receiver["queue_ms"])
            if len(set(self._at)) > 1:
                one |= _across(self._sender, self._receiver)
        return one


def _across(sender: Headers, receiver: Headers) -> Headers:
    """The counters of an edge between two processes, which were not read at the same moment."""
    sent, received = cast("int", sender["sent"]), cast("int", receiver["received"])
    dropped, expired, discarded = (
        cast("int", sender[key]) + cast("int", receiver[key])
        for key in ("dropped", "expired", "discarded")
    )
    # A sender that ends discards what it has not heard to be done, though it may have arrived.
    excess = received + dropped + expired + discarded - sent
    discarded -= min(max(0, excess), cast("int", sender["discarded"]))
    gone = received + dropped + expired + discarded
    return {
        "sent": max(sent, gone),
        "received": received,
        "dropped": dropped,
        "expired": expired,
        "discarded": discarded,
        "waiting": max(0, sent - gone),
    }


def _percentiles(summary: Value) -> Headers:
    found = cast("Headers", summary)
    return {key: found[key] for key in SUMMARY_KEYS}
