from __future__ import annotations

from dataclasses import replace

import pytest

from cantor.doctor.facts import (
    AgentFacts,
    ClockFacts,
    IdentityFacts,
    MulticastFacts,
    PeerFacts,
    PortFacts,
    State,
)
from cantor.doctor.node_checks import (
    DAY_S,
    check_agent,
    check_clock,
    check_identity,
    check_multicast,
    check_peers,
    check_port,
)

NOW_S = 1_795_500_000.0
ENROLLED = IdentityFacts("/data", True, False, (), NOW_S, NOW_S + 30 * DAY_S)


@pytest.mark.parametrize(
    ("facts", "state", "says"),
    [
        (ClockFacts(NOW_S, NOW_S - 9, 0, NOW_S - 99), "ok", "plausible"),
        (ClockFacts(12.0, 0, 0, NOW_S), "problem", "never set"),
        (ClockFacts(NOW_S - DAY_S, NOW_S, 0, 0), "problem", "or later"),
        (ClockFacts(NOW_S - DAY_S, 0, 0, NOW_S), "problem", "or later"),
        (ClockFacts(NOW_S * 3, 0, 0, NOW_S), "problem", "future"),
        (ClockFacts(1e30, 0, 0, NOW_S), "problem", "future"),
        (ClockFacts(NOW_S + 7200, NOW_S, -7200, NOW_S), "warning", "2 h ahead"),
        (ClockFacts(NOW_S, NOW_S, -7200, NOW_S - 99), "ok", "plausible"),
    ],
)
def test_a_clock_that_cannot_be_true_is_named(facts: ClockFacts, state: State, says: str) -> None:
    finding = check_clock(facts)
    assert (finding.state, says in finding.what) == (state, True)
    assert bool(finding.remedy) == (state != "ok")


@pytest.mark.parametrize(
    ("facts", "state", "remedy"),
    [
        (ENROLLED, "ok", ""),
        (replace(ENROLLED, enrolled=False), "problem", "cantor enroll"),
        (replace(ENROLLED, enrolled=False, token_waits=True), "problem", "cantor enroll"),
        (replace(ENROLLED, not_after_s=NOW_S - 1), "problem", "mv /data/identity.pem"),
        (replace(ENROLLED, not_after_s=NOW_S + DAY_S), "warning", "cantor enroll"),
        (replace(ENROLLED, error="damaged"), "problem", "cantor enroll"),
        (replace(ENROLLED, open_paths=("/my data/key.pem",)), "problem", "'/my data/key.pem'"),
    ],
)
def test_an_identity_that_does_not_hold_is_named(
    facts: IdentityFacts, state: State, remedy: str
) -> None:
    finding = check_identity(facts)
    assert finding.state == state
    assert remedy in finding.remedy


def test_an_agent_that_does_not_run_or_sees_nobody_is_named() -> None:
    assert check_agent(AgentFacts("/data", None)).remedy == "cantor agent --data /data"
    alone: AgentFacts = AgentFacts("/data", {"nodes_online": 1, "nodes_known": 3})
    assert check_agent(alone).state == "warning"
    assert check_agent(AgentFacts("/data", {"nodes_online": 3, "nodes_known": 3})).state == "ok"


@pytest.mark.parametrize(
    ("standing", "state"), [("stale", "warning"), ("expired", "problem"), ("denied", "problem")]
)
def test_an_agent_that_is_not_in_good_standing_is_named(standing: str, state: str) -> None:
    finding = check_agent(AgentFacts("/data", {"nodes_online": 3, "standing": standing}))
    assert finding.state == state
    assert finding.remedy


def test_a_port_that_another_holds_is_named() -> None:
    assert check_port(PortFacts("0.0.0.0:7433", "", held_by_agent=False)).state == "ok"
    assert check_port(PortFacts("0.0.0.0:7433", "", held_by_agent=True)).state == "ok"
    held = check_port(PortFacts("0.0.0.0:7433", "Address already in use", held_by_agent=False))
    assert held.state == "problem"
    assert ":7433" in held.remedy


def test_a_network_without_multicast_is_named() -> None:
    assert check_multicast(MulticastFacts(("10.0.0.2",), ("10.1.0.2",))).state == "ok"
    assert "10.1.0.2" in check_multicast(MulticastFacts((), ("10.1.0.2",))).what
    assert "--no-mdns" in check_multicast(MulticastFacts((), ())).remedy


def test_peers_out_of_reach_are_named() -> None:
    assert check_peers(PeerFacts((), ())).state == "ok"
    assert check_peers(PeerFacts(("a:1",), ())).state == "ok"
    assert check_peers(PeerFacts(("a:1",), ("b:2",))).state == "warning"
    lost = check_peers(PeerFacts((), ("[fe80::1]:2", "b:2")))
    assert (lost.state, lost.remedy) == ("problem", "nc -vz fe80::1 2")
