"""Judges the node: clock, identity, agent, port, and the way to its peers."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cantor.doctor.facts import Finding

if TYPE_CHECKING:
    from cantor.doctor.facts import (
        AgentFacts,
        ClockFacts,
        IdentityFacts,
        MulticastFacts,
        PeerFacts,
        PortFacts,
    )

DAY_S = 86_400.0
BEHIND_TOLERATED_S = 3600.0
AHEAD_OF_BUILD_S_MAX = 20 * 365 * DAY_S
RENEWAL_DUE_S = 7 * DAY_S
_YEAR_2000_S = 946_684_800.0
_SET_CLOCK = "sudo timedatectl set-ntp true"


def check_clock(facts: ClockFacts) -> Finding:
    """Whether the clock can be true: neither before what is known nor decades after it."""
    if facts.wall_s < _YEAR_2000_S:
        return Finding("clock", "problem", f"it says {_day(facts.wall_s)}: never set", _SET_CLOCK)
    known_s = max(facts.floor_s, facts.built_s)
    if facts.wall_s < known_s - BEHIND_TOLERATED_S:
        what = f"it says {_day(facts.wall_s)}, but it is {_day(known_s)} or later"
        return Finding("clock", "problem", what, _SET_CLOCK)
    if facts.wall_s > known_s + AHEAD_OF_BUILD_S_MAX:
        what = f"it says {_day(facts.wall_s)}: too far in the future"
        return Finding("clock", "problem", what, _SET_CLOCK)
    corrected_s = facts.wall_s + facts.offset_s
    if facts.offset_s < 0 and corrected_s >= facts.floor_s - BEHIND_TOLERATED_S:
        what = f"it ran {-facts.offset_s / 3600:.0f} h ahead of the hub's; the node allows for it"
        return Finding("clock", "warning", what, _SET_CLOCK)
    return Finding("clock", "ok", f"{_day(facts.wall_s)} is plausible")


def check_identity(facts: IdentityFacts) -> Finding:
    """Whether this box belongs to a mesh, for how long, and whether its secrets are private."""
    if facts.open_paths:
        paths = " ".join(shlex.quote(path) for path in facts.open_paths)
        what = "others on this box may read its secrets"
        return Finding("identity", "problem", what, f"chmod go= {paths}")
    enrol = f"cantor enroll TOKEN --data {shlex.quote(facts.folder)}"
    if not facts.enrolled:
        what = "an enrolment has not ended" if facts.token_waits else "it belongs to no mesh yet"
        return Finding("identity", "problem", what, enrol)
    if facts.error:
        aside = f"mv {shlex.quote(facts.folder)} {shlex.quote(facts.folder + '.damaged')}"
        return Finding("identity", "problem", facts.error, f"{aside} && {enrol}")
    certificate = shlex.quote(f"{facts.folder}/identity.pem")
    renew = f"mv {certificate} {certificate}.old && {enrol}"
    left_s = facts.not_after_s - facts.now_s
    if left_s <= 0:
        what = f"the certificate ended on {_day(facts.not_after_s)}"
        return Finding("identity", "problem", what, renew)
    what = f"the certificate is valid for {left_s / DAY_S:.0f} more days"
    if left_s < RENEWAL_DUE_S:
        return Finding("identity", "warning", what, renew)
    return Finding("identity", "ok", what)


def check_agent(facts: AgentFacts) -> Finding:
    """Whether the agent runs and sees others."""
    if facts.status is None:
        start = f"cantor agent --data {shlex.quote(facts.folder)}"
        return Finding("agent", "problem", "no agent answers with this folder", start)
    online, known = (_count(facts.status.get(name)) for name in ("nodes_online", "nodes_known"))
    standing = facts.status.get("standing")
    if standing == "denied":
        again = "cantor enroll TOKEN --again"
        return Finding("agent", "problem", "this node was denied: others refuse it", again)
    if standing == "expired":
        what = "no issuer has confirmed this node for longer than its tenant allows"
        return Finding("agent", "problem", f"{what}: others do not hear it", "cantor mesh policy")
    if standing == "stale":
        what = "no issuer has confirmed this node for a day; it works on with its certificate"
        return Finding("agent", "warning", what, "cantor status")
    what = f"it runs and sees {online} of {known} nodes online, itself among them"
    if known > 1 and online <= 1:
        return Finding("agent", "warning", what, "cantor nodes")
    return Finding("agent", "ok", what)


def check_port(facts: PortFacts) -> Finding:
    """Whether the agent has, or could have, the port that it listens on."""
    if facts.held_by_agent:
        return Finding("port", "ok", f"the agent listens on {facts.address}")
    if not facts.error:
        return Finding("port", "ok", f"{facts.address} is free")
    port = facts.address.rpartition(":")[2]
    what = f"{facts.address} cannot be had: {facts.error}"
    return Finding("port", "problem", what, f"sudo ss -ltnp 'sport = :{port}'")


def check_multicast(facts: MulticastFacts) -> Finding:
    """Whether peers on the same network can be found by mDNS."""
    if facts.joined:
        return Finding("mdns", "ok", f"UDP 5353 multicast joined on {', '.join(facts.joined)}")
    where = ", ".join(facts.refused) or "a box without a network"
    what = f"UDP 5353 multicast cannot be joined on {where}"
    return Finding("mdns", "warning", what, "cantor agent --no-mdns --seed HOST:PORT")


def check_peers(facts: PeerFacts) -> Finding:
    """Whether the hub and the peers that are remembered accept connections."""
    tried = len(facts.reached) + len(facts.unreached)
    if not tried:
        return Finding("peers", "ok", "none is remembered yet")
    what = f"{len(facts.reached)} of {tried} remembered peers accept connections"
    if not facts.unreached:
        return Finding("peers", "ok", what)
    host, _, port = facts.unreached[0].rpartition(":")
    remedy = f"nc -vz {shlex.quote(host.strip('[]'))} {shlex.quote(port)}"
    return Finding("peers", "warning" if facts.reached else "problem", what, remedy)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _day(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} s after 1970"
