"""The first frames of a connection: who speaks, which protocol, and what the connection is for."""

from __future__ import annotations

from dataclasses import dataclass

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import BROADCAST, NodeId
from cantor.wire.frame import VERSION, DataFrame, Kind

ROLES = ("control", "bulk")
TEXT_LENGTH_MAX = 256
CAPABILITIES_MAX = 64


@dataclass(frozen=True, slots=True)
class Hello:
    """What each side says first. ``nonce`` names the link; its dialler chooses it."""

    node: NodeId
    mesh: str
    nonce: str
    role: str = "control"
    protocol_min: int = VERSION
    protocol_max: int = VERSION
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides can do: the newest common protocol version, the common capabilities."""

    protocol: int
    capabilities: frozenset[str]


def hello_frame(hello: Hello, *, kind: Kind = Kind.HELLO) -> DataFrame:
    """The frame that carries ``hello``: HELLO from the dialler, HELLO_ACK as the answer."""
    return DataFrame(
        kind=kind,
        source=hello.node,
        destination=BROADCAST,
        priority=0,
        ttl=1,
        headers={
            "mesh": hello.mesh,
            "nonce": hello.nonce,
            "role": hello.role,
            "protocol": [hello.protocol_min, hello.protocol_max],
            "capabilities": list(hello.capabilities),
        },
    )


def parse_hello(frame: DataFrame) -> Hello:
    """Read a hello.

    Raises:
        RemoteProtocolError: the frame is no hello, or one of its fields is missing or wrong.
    """
    if frame.kind not in (Kind.HELLO, Kind.HELLO_ACK):
        raise RemoteProtocolError(f"a frame of kind {frame.kind} came before the hello")
    protocol = frame.headers.get("protocol")
    capabilities = frame.headers.get("capabilities", [])
    if not isinstance(protocol, list) or len(protocol) != 2:
        raise RemoteProtocolError("a hello without a range of protocol versions")
    lowest, highest = protocol
    if type(lowest) is not int or type(highest) is not int:
        raise RemoteProtocolError("a hello whose protocol versions are not numbers")
    if not isinstance(capabilities, list) or len(capabilities) > CAPABILITIES_MAX:
        raise RemoteProtocolError(f"a hello must list at most {CAPABILITIES_MAX} capabilities")
    role = _text(frame, "role")
    if role not in ROLES:
        raise RemoteProtocolError(f"a hello for the unknown role {role!r}")
    return Hello(
        node=frame.source,
        mesh=_text(frame, "mesh"),
        nonce=_text(frame, "nonce"),
        role=role,
        protocol_min=lowest,
        protocol_max=highest,
        capabilities=tuple(name for name in capabilities if isinstance(name, str)),
    )


def agree(ours: Hello, theirs: Hello) -> Agreement:
    """What both sides can do.

    Raises:
        RemoteProtocolError: another mesh, another role or link, or no common version.
    """
    if (ours.mesh, ours.role, ours.nonce) != (theirs.mesh, theirs.role, theirs.nonce):
        raise RemoteProtocolError("the other side answers for another mesh, role or link")
    protocol = min(ours.protocol_max, theirs.protocol_max)
    if protocol < max(ours.protocol_min, theirs.protocol_min):
        raise RemoteProtocolError(
            f"it speaks protocols {theirs.protocol_min} to {theirs.protocol_max}, "
            f"we speak {ours.protocol_min} to {ours.protocol_max}",
            remedy="update the older of the two boxes",
        )
    return Agreement(protocol, frozenset(ours.capabilities) & frozenset(theirs.capabilities))


def _text(frame: DataFrame, name: str) -> str:
    value = frame.headers.get(name)
    if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX:
        raise RemoteProtocolError(f"a hello without a usable {name!r}")
    return value
