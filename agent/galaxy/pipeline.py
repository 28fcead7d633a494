"""What a pipeline is: filters by name and the connections between their pins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from galaxy.params import JsonValue, Param

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["strong", "weak", "task"]
Policy = Literal["latest", "drop_oldest", "drop_newest", "block"]
Codec = Literal["auto", "raw", "jpeg"]

KINDS: tuple[str, ...] = ("strong", "weak", "task")
POLICIES: tuple[str, ...] = ("latest", "drop_oldest", "drop_newest", "block")
CODECS: tuple[str, ...] = ("auto", "raw", "jpeg")
DEPTH_MAX = 1000
DEPTH_DEFAULT = 4

FILTER_KEYS: Mapping[str, Param[str]] = {
    "type": Param(str, description="The filter's type, as `cantor filter list` shows it."),
    "needs": Param(
        str, "", description="Resources that the node must have, besides the type's own."
    ),
    "node": Param(str, "", description="The only node that may run it; empty means any that fits."),
}
"""The keys of a filter besides ``params``, whose keys its type declares."""

CONNECTION_KEYS: Mapping[str, Param[str] | Param[int] | Param[float]] = {
    "from": Param(str, description="filter.pin that gives."),
    "to": Param(str, description="filter.pin that takes."),
    "kind": Param(
        str,
        "strong",
        choices=KINDS,
        description="strong: one thread, by reference; weak: a bounded edge; task: one by one.",
    ),
    "policy": Param(
        str,
        "",
        choices=("", *POLICIES),
        description="What a full edge does; empty means latest after a live source, else block.",
    ),
    "depth": Param(
        int, 0, minimum=0, maximum=DEPTH_MAX, unit="frames", description="0 means the default."
    ),
    "max_age_ms": Param(
        float, 0.0, minimum=0, maximum=3_600_000, unit="ms", description="0 means any age."
    ),
    "codec": Param(str, "auto", choices=CODECS, description="How images travel between nodes."),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One pin of one filter."""

    filter: str
    pin: str

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read ``filter.pin``.

        Raises:
            ValueError: the text has another form.
        """
        name, dot, pin = text.rpartition(".")
        if not (dot and name and pin):
            message = f"must be written filter.pin, not {text[:60]!r}"
            raise ValueError(message)
        return cls(name, pin)

    def __str__(self) -> str:
        return f"{self.filter}.{self.pin}"


@dataclass(frozen=True, slots=True)
class FilterSpec:
    """One filter of a pipeline: its type, the parameters given, needs of its own, and where."""

    type: str
    params: Mapping[str, object] = field(default_factory=dict)
    needs: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """A way from an output pin to an input pin; an empty policy and depth 0 mean the default."""

    source: Endpoint
    target: Endpoint
    kind: Kind = "strong"
    policy: Policy | Literal[""] = ""
    depth: int = 0
    max_age_ms: float = 0.0
    codec: Codec = "auto"

    @property
    def name(self) -> str:
        """What snapshots call this connection."""
        return f"{self.source} -> {self.target}"

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Connection:
        """From values checked against :data:`CONNECTION_KEYS`.

        Raises:
            ValueError: an end is not written ``filter.pin``.
        """
        full = {key: values.get(key, param.default) for key, param in CONNECTION_KEYS.items()}
        return cls(
            Endpoint.parse(str(full["from"])),
            Endpoint.parse(str(full["to"])),
            cast("Kind", full["kind"]),
            cast("Policy", full["policy"]),
            cast("int", full["depth"]),
            cast("float", full["max_age_ms"]),
            cast("Codec", full["codec"]),
        )


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Filters by name, and the connections between them."""

    name: str
    filters: Mapping[str, FilterSpec]
    connections: tuple[Connection, ...] = ()

    def groups(self) -> list[tuple[str, ...]]:
        """The filters that strong connections hold together, each group in pipeline order."""
        leader = {name: name for name in self.filters}

        def find(name: str) -> str:
            while leader[name] != name:
                name = leader[name]
            return name

        for connection in self.connections:
            if connection.kind == "strong":
                leader[find(connection.target.filter)] = find(connection.source.filter)
        groups: dict[str, list[str]] = {}
        for name in self.filters:
            groups.setdefault(find(name), []).append(name)
        return [tuple(group) for group in groups.values()]

    def document(self) -> dict[str, JsonValue]:
        """The pipeline as its file writes it, defaults left out."""
        filters: dict[str, JsonValue] = {}
        for name, spec in self.filters.items():
            entry: dict[str, JsonValue] = {"type": spec.type}
            if spec.params:
                entry["params"] = {
                    key: list(value) if isinstance(value, tuple) else cast("JsonValue", value)
                    for key, value in spec.params.items()
                }
            entry.update({key: value for key, value in _optional(spec).items() if value})
            filters[name] = entry
        return {
            "name": self.name,
            "filters": filters,
            "connections": [_connection_document(connection) for connection in self.connections],
        }


def _optional(spec: FilterSpec) -> dict[str, str]:
    return {"needs": spec.needs, "node": spec.node}


def _connection_document(connection: Connection) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {
        "from": str(connection.source),
        "to": str(connection.target),
        "kind": connection.kind,
        "policy": connection.policy,
        "depth": connection.depth,
        "max_age_ms": connection.max_age_ms,
        "codec": connection.codec,
    }
    always = ("from", "to", "kind")
    return {
        key: value
        for key, value in given.items()
        if key in always or value != CONNECTION_KEYS[key].default
    }
