"""Follows one packet through the firewall of this box, as ``nft -j list ruleset`` tells it.

Many matches cannot be judged from outside (sets, rates, extensions of iptables). A rule with one of
them may hold or not; where that matters the answer is "unknown", never a guess.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.doctor.facts import Verdict

JUMPS_MAX = 16
_FAMILIES = ("ip", "inet")
_OTHER_HEADERS = frozenset({"tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "ip6"})
_FINAL = ("accept", "drop", "reject")
_NO_MATCH = frozenset({"counter", "log", "comment", "mangle", "notrack"})

Chain = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Packet:
    """The first IPv4 packet of another box, to ``destination`` if that is known."""

    protocol: str
    port: int
    destination: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Chains by (family, table, name), and their rules in order."""

    chains: Mapping[Chain, Mapping[str, Any]]
    rules: Mapping[Chain, list[list[Any]]]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Ruleset:
        """The rules in what ``nft -j list ruleset`` printed."""
        chains: dict[Chain, Mapping[str, Any]] = {}
        rules: dict[Chain, list[list[Any]]] = {}
        for entry in document.get("nftables", ()):
            if isinstance(chain := entry.get("chain"), dict):
                chains[chain["family"], chain["table"], chain["name"]] = chain
            if isinstance(rule := entry.get("rule"), dict):
                place = (rule["family"], rule["table"], rule["chain"])
                rules.setdefault(place, []).append(list(rule.get("expr", ())))
        return cls(chains, rules)

    def verdict(self, packet: Packet) -> tuple[Verdict, str]:
        """What becomes of a packet, and the chain that drops, or perhaps drops it."""
        perhaps = ""
        for place, chain in self.chains.items():
            if chain.get("hook") != "input" or place[0] not in _FAMILIES:
                continue
            ends = self._walk(place, packet, 0)
            if "through" in ends:
                ends = (ends - {"through"}) | {str(chain.get("policy", "accept"))}
            if ends == {"drop"}:
                return "drop", " ".join(place)
            if "drop" in ends:
                perhaps = " ".join(place)
        return ("unknown", perhaps) if perhaps else ("accept", "")

    def _walk(self, place: Chain, packet: Packet, depth: int) -> set[str]:
        """Every end that the packet may come to in a chain; "through" if it may leave it again."""
        ends: set[str] = set()
        if depth > JUMPS_MAX:
            return {"accept", "drop", "through"}
        for expressions in self.rules.get(place, ()):
            holds, action, target = _rule(expressions, packet)
            if holds is False or not action:
                continue
            if action in {"jump", "goto"}:
                below = self._walk((place[0], place[1], target), packet, depth + 1)
                ends |= below - {"through"}
                leaves = "through" in below and action == "jump"
                if "through" in below and action == "goto":
                    ends.add("through")
            else:
                ends.add({"reject": "drop", "return": "through"}.get(action, action))
                leaves = False
            if holds and not leaves:
                return ends
        return ends | {"through"}


def _rule(expressions: Iterable[Any], packet: Packet) -> tuple[bool | None, str, str]:
    """Whether a rule holds for the packet (None: perhaps), and what it then does."""
    holds: bool | None = True
    for expression in expressions:
        if not isinstance(expression, dict):
            holds = None if holds else holds
            continue
        ((kind, told),) = tuple(expression.items())[:1]
        if kind in _FINAL or kind in {"return", "queue"}:
            return holds, "accept" if kind == "queue" else kind, ""
        if kind in {"jump", "goto"}:
            return holds, kind, str(told["target"])
        if kind == "match":
            matches = _match(told, packet)
            if matches is False:
                return False, "", ""
            holds = None if matches is None else holds
        elif kind == "xt" and isinstance(told, dict) and told.get("type") == "target":
            if told.get("name") == "REJECT":
                return holds, "reject", ""
        elif kind not in _NO_MATCH:
            holds = None
    return holds, "", ""


def _match(told: Mapping[str, Any], packet: Packet) -> bool | None:
    left, right, operator = told.get("left"), told.get("right"), told.get("op")
    if not isinstance(left, dict):
        return None
    if left.get("payload", {}).get("protocol") in _OTHER_HEADERS - {packet.protocol}:
        return False  # whatever is compared: the packet has no such header
    found = _is_one_of(left, right, packet)
    return None if found is None else found == (operator != "!=")


def _is_one_of(left: Mapping[str, Any], right: object, packet: Packet) -> bool | None:
    if "meta" in left:
        key = left["meta"].get("key")
        if key == "l4proto":
            return _among(packet.protocol, right)
        if key == "nfproto":
            return _among("ipv4", right)
        return False if key in {"iif", "iifname"} and right == "lo" else None
    if "ct" in left and left["ct"].get("key") == "state":
        return _among("new", right)
    if "payload" in left:
        return _payload(left["payload"], right, packet)
    return None


def _payload(field: Mapping[str, Any], right: object, packet: Packet) -> bool | None:
    protocol, name = field.get("protocol"), field.get("field")
    if protocol in {packet.protocol, "th"} and name == "dport":
        return _among(packet.port, right)
    if protocol == "ip" and name == "protocol":
        return _among(packet.protocol, right)
    if protocol == "ip" and name == "daddr":
        return _address(packet.destination, right)
    return None


def _address(destination: str, right: object) -> bool | None:
    if isinstance(right, dict) and "prefix" in right:
        right = f"{right['prefix']['addr']}/{right['prefix']['len']}"
    if not isinstance(right, str) or right.startswith("@"):
        return None
    network = ipaddress.ip_network(right, strict=False)
    if destination:
        return ipaddress.ip_address(destination) in network
    return False if network.is_multicast or network.is_loopback else None


def _among(value: str | int, right: object) -> bool | None:
    """Whether a value is what stands on the right of a match: one, a range, or a set of both."""
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    if isinstance(right, list):
        found = [_among(value, one) for one in right]
        return True if True in found else (None if None in found else False)
    if isinstance(right, dict) and "range" in right and isinstance(value, int):
        low, high = right["range"]
        return bool(low <= value <= high)
    if isinstance(right, dict) or (isinstance(right, str) and right.startswith("@")):
        return None
    return right == value
