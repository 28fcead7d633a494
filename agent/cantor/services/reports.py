"""What a node says of a service that it keeps up: the fact ``service-run/<tenant>/<name>``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import parse_node_id
from cantor.services.orders import NUMBER_MAX, Key, Stamp, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.wire.frame import Value

REPORT = "service-run/"
WHY_MAX = 400
PORTS_MAX = 128
STATES = (
    "waiting", "fetching", "refused", "starting", "trial", "running", "restarting", "failing",
    "returned", "finished", "failed", "stopping",
)  # fmt: skip
State = Literal[
    "waiting", "fetching", "refused", "starting", "trial", "running", "restarting", "failing",
    "returned", "finished", "failed", "stopping",
]  # fmt: skip
"""``trial`` is well, but not for long enough; ``running`` and ``finished`` are good. ``returned``
runs the revision before, because this one failed; ``failing`` fails again and again, and has none
to return to; ``refused`` is code that this node does not take."""
PASSING = ("waiting", "fetching", "starting", "stopping")
"""On the way to something else, for a moment or for long."""
GOOD = ("running", "finished")
BAD = ("returned", "failing", "failed", "refused")


@dataclass(frozen=True, slots=True)
class Report:
    """How the wanted revision is here. ``running`` is the number of the one that runs, or 0."""

    wanted: Stamp
    state: State
    running: int = 0
    why: str = ""
    restarts: int = 0
    since: float = 0.0
    ports: Mapping[str, int] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """As msgpack types; :func:`report_from` reads it back."""
        return {
            "number": self.wanted.number,
            "by": self.wanted.by,
            "state": self.state,
            "running": self.running,
            "why": self.why[:WHY_MAX],
            "restarts": self.restarts,
            "since": self.since,
            "ports": dict(self.ports),
        }


def report_fact(key: Key) -> str:
    """The name of the fact."""
    return f"{REPORT}{key.tenant}/{key.name}"


def reported_key(fact_name: str) -> Key | None:
    """The service that such a fact is about; None if it is another fact."""
    about = fact_name.removeprefix(REPORT)
    return key_of(f"service/{about}") if about != fact_name else None


def report_from(value: Value) -> Report:
    """The report in a fact.

    Raises:
        RemoteProtocolError: it has another shape.
    """
    if not isinstance(value, dict):
        raise _wrong("value")
    numbers = [value.get(key) for key in ("number", "running", "restarts")]
    counts = [one for one in numbers if type(one) is int and 0 <= one < NUMBER_MAX]
    if len(counts) != len(numbers):
        raise _wrong("number")
    number, running, restarts = counts
    state, why, since, by = (value.get(key) for key in ("state", "why", "since", "by"))
    if state not in STATES or not isinstance(why, str) or len(why) > WHY_MAX:
        raise _wrong("state")
    if isinstance(since, bool) or not isinstance(since, int | float) or not 0 <= since < 1e12:
        raise _wrong("time")
    try:
        stamp = Stamp(number, parse_node_id(by if isinstance(by, str) else ""))
    except ValueError as error:
        raise _wrong("node") from error
    return Report(
        stamp,
        cast("State", state),
        running,
        why,
        restarts,
        float(since),
        _ports(value.get("ports")),
    )


def _ports(value: Value) -> dict[str, int]:
    told = value if isinstance(value, dict) else {}
    if len(told) > PORTS_MAX:
        raise _wrong("ports")
    return {name: port for name, port in told.items() if type(port) is int and 0 < port < 65536}


def _wrong(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"a report with a {what} that is none", where="services")
