from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cantor.doctor import reach_probes
from cantor.doctor.facts import FirewallFacts, HubFacts
from cantor.doctor.firewall import Packet, Ruleset
from cantor.doctor.reach_checks import check_firewall, check_hub

if TYPE_CHECKING:
    from pathlib import Path

AGENT = Packet("tcp", 7433)
MDNS = Packet("udp", 5353, "224.0.0.251")
HEAD = "table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n"
USUAL = '  iif "lo" accept\n  ct state { established, related } accept\n  ct state invalid drop\n'


def nft(rules: str) -> dict[str, Any]:
    """What nft prints for rules that stand in a network namespace of their own."""
    done = subprocess.run(
        ["unshare", "-Urn", "sh", "-c", "nft -f - && nft -j list ruleset"],
        input=rules, capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.skipif(shutil.which("nft") is None, reason="apt-get install nftables")
@pytest.mark.parametrize(
    ("rules", "tcp", "mdns"),
    [
        ("", "accept", "accept"),
        (HEAD + USUAL + " }\n}", "drop", "drop"),
        (HEAD + USUAL + "tcp dport { 22, 7000-8000 } accept\n }\n}", "accept", "drop"),
        (HEAD + USUAL + "udp dport != 53 accept\n }\n}", "drop", "accept"),
        (HEAD + "ip saddr 10.0.0.0/8 tcp dport 7433 accept\n }\n}", "unknown", "drop"),
        (HEAD + "meta l4proto tcp accept\nip daddr 224.0.0.0/4 accept\n }\n}", "accept", "accept"),
        (HEAD + "ip daddr 224.0.0.0/4 drop\naccept\n }\n}", "accept", "drop"),
        (HEAD + "jump more\n accept\n }\n chain more {\n  udp dport 5353 reject\n }\n}",
         "accept", "drop"),
        (HEAD + "goto more\n accept\n }\n chain more {\n  udp dport 5353 return\n accept\n }\n}",
         "accept", "drop"),
        (HEAD.replace("policy drop", "policy accept") + "limit rate 4/second drop\n }\n}",
         "unknown", "unknown"),
        (HEAD.replace("hook input", "hook forward") + " }\n}", "accept", "accept"),
        (HEAD.replace("inet filter", "ip6 filter") + " }\n}", "accept", "accept"),
    ],
)  # fmt: skip
def test_a_packet_comes_through_the_rules_or_not(rules: str, tcp: str, mdns: str) -> None:
    ruleset = Ruleset.read(nft(rules))
    assert (ruleset.verdict(AGENT)[0], ruleset.verdict(MDNS)[0]) == (tcp, mdns)


def test_what_iptables_says_in_its_own_way_is_not_guessed() -> None:
    def rule(*expressions: dict[str, Any]) -> dict[str, Any]:
        place = {"family": "ip", "table": "filter", "chain": "INPUT"}
        return {"rule": {**place, "expr": list(expressions)}}

    chain = {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"}
    known = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
                       "right": 7433}}  # fmt: skip
    document = {
        "nftables": [
            {"chain": chain},
            rule({"xt": {"type": "match", "name": "conntrack"}}, {"accept": None}),
            rule(known, {"counter": {}}, {"accept": None}),
            rule({"counter": {}}, {"xt": {"type": "target", "name": "REJECT"}}),
        ]
    }
    ruleset = Ruleset.read(document)
    assert ruleset.verdict(AGENT) == ("accept", "")
    assert ruleset.verdict(MDNS) == ("unknown", "ip filter INPUT")


@pytest.mark.parametrize(
    "rules", ["", "{}", "[]", '{"nftables": [{"chain": {}}]}', '{"nftables": 3}']
)
def test_rules_of_an_unknown_shape_are_not_seen(rules: str, tmp_path: Path) -> None:
    facts = reach_probes.firewall("0.0.0.0:7433", tmp_path, lambda: rules)
    assert facts.tcp in {"unknown", "accept"}
    assert (facts.port, facts.program) == ("7433", "")


def test_who_manages_the_rules_is_seen(tmp_path: Path) -> None:
    def refused() -> str:
        raise PermissionError

    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text("LOGLEVEL=low\nENABLED=yes\n")
    facts = reach_probes.firewall("0.0.0.0:7433", tmp_path, refused)
    assert (facts.tcp, facts.mdns, facts.program) == ("unknown", "unknown", "ufw")
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=no")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/firewalld.pid").touch()
    assert reach_probes.firewall("[::]:1", tmp_path, refused).program == "firewalld"


@pytest.mark.parametrize(
    ("facts", "state", "remedy"),
    [
        (FirewallFacts("7433", "accept", "accept"), "ok", ""),
        (FirewallFacts("7433", "unknown", "unknown"), "ok", ""),
        (
            FirewallFacts("7433", "unknown", "unknown", "ufw"),
            "warning",
            "sudo ufw allow 7433/tcp && sudo ufw allow 5353/udp",
        ),
        (
            FirewallFacts("7433", "drop", "accept", "firewalld", "inet firewalld filter_INPUT"),
            "problem",
            "sudo firewall-cmd --permanent --add-port=7433/tcp && sudo firewall-cmd --reload",
        ),
        (
            FirewallFacts("7433", "accept", "drop", "", "inet filter input"),
            "warning",
            "sudo nft insert rule inet filter input udp dport 5353 accept",
        ),
        (
            FirewallFacts("7433", "unknown", "accept", "", "ip filter INPUT"),
            "warning",
            "sudo iptables -I INPUT -p tcp --dport 7433 -j ACCEPT",
        ),
    ],
)
def test_a_firewall_is_told_with_the_command_that_opens_it(
    facts: FirewallFacts, state: str, remedy: str
) -> None:
    finding = check_firewall(facts)
    assert (finding.state, finding.remedy) == (state, remedy)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (None, ""),
        (ConnectionRefusedError(), "cantor hub --enrol 10.77.0.1:8443"),
        (OSError(113, "No route to host"), "nc -vz 10.77.0.1 8443"),
    ],
)
async def test_the_hub_is_tried_where_the_token_said(error: OSError | None, remedy: str) -> None:
    async def connect(host: str, port: int) -> None:
        assert (host, port) == ("10.77.0.1", 8443)
        if error:
            raise error

    finding = check_hub(await reach_probes.hub("10.77.0.1:8443", connect))
    assert (finding.state, finding.remedy) == ("warning" if error else "ok", remedy)


def test_a_box_without_a_hub_has_nothing_to_reach() -> None:
    assert check_hub(HubFacts("")).state == "ok"
