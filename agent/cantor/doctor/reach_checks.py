"""Judges the ways in and out: this box's firewall, and the hub that it enrols at."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cantor.doctor.facts import Finding

if TYPE_CHECKING:
    from cantor.doctor.facts import FirewallFacts, HubFacts, State

MDNS_PORT = 5353


def check_hub(facts: HubFacts) -> Finding:
    """Whether the hub can be reached for enrolling; the mesh goes on without it."""
    if not facts.address:
        return Finding("hub", "ok", "none is known to this box")
    if not facts.error:
        return Finding("hub", "ok", f"{facts.address} accepts connections")
    what = f"{facts.address} cannot be reached: {facts.error}; enrolled nodes go on without it"
    host, _, port = facts.address.rpartition(":")
    if facts.is_silent:  # the packets are lost on the way, or the machine is off
        return Finding("hub", "warning", what, f"nc -vz {shlex.quote(host.strip('[]'))} {port}")
    return Finding("hub", "warning", what, f"cantor hub --enrol {shlex.quote(facts.address)}")


def check_firewall(facts: FirewallFacts) -> Finding:
    """Whether other nodes get through to the agent, and their multicast to this box."""
    ways = ((facts.tcp, f"TCP {facts.port}"), (facts.mdns, f"UDP {MDNS_PORT}"))
    rules = f"the rules ({facts.chain})" if facts.chain else facts.program
    if shut := [name for verdict, name in ways if verdict == "drop"]:
        what = f"{rules} keep others from {' and '.join(shut)}"
        state: State = "problem" if facts.tcp == "drop" else "warning"
        return Finding("firewall", state, what, _opening(facts))
    if unsure := [name for verdict, name in ways if verdict == "unknown"]:
        if rules:
            what = f"{rules} may keep others from {' and '.join(unsure)}"
            return Finding("firewall", "warning", what, _opening(facts))
        what = f"whether it lets {' and '.join(unsure)} in is not seen: that takes root and nft"
        return Finding("firewall", "ok", what)
    return Finding("firewall", "ok", f"TCP {facts.port} and UDP {MDNS_PORT} are let in")


def _opening(facts: FirewallFacts) -> str:
    """The command that lets in what is not surely let in."""
    shut = [("tcp", facts.port)] if facts.tcp != "accept" else []
    shut += [("udp", str(MDNS_PORT))] if facts.mdns != "accept" else []
    if facts.program == "ufw":
        return " && ".join(f"sudo ufw allow {port}/{kind}" for kind, port in shut)
    if facts.program == "firewalld":
        opened = " ".join(f"--add-port={port}/{kind}" for kind, port in shut)
        return f"sudo firewall-cmd --permanent {opened} && sudo firewall-cmd --reload"
    if facts.chain.startswith("ip filter INPUT"):  # of iptables, which wants nobody else in there
        rules = (
            f"sudo iptables -I INPUT -p {kind} --dport {port} -j ACCEPT" for kind, port in shut
        )
    else:
        rules = (
            f"sudo nft insert rule {facts.chain} {kind} dport {port} accept" for kind, port in shut
        )
    return " && ".join(rules)
