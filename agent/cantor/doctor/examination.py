"""All checks in the order in which a person should mend what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.doctor import machine_checks, mesh_checks, node_checks, reach_checks

if TYPE_CHECKING:
    from cantor.doctor.facts import Facts, Finding


def examine(facts: Facts) -> list[Finding]:
    """Judge everything that was seen."""
    return [
        machine_checks.check_python(facts.python),
        node_checks.check_clock(facts.clock),
        machine_checks.check_disk(facts.disk),
        machine_checks.check_limit(facts.limit),
        machine_checks.check_sandbox(facts.sandbox),
        node_checks.check_identity(facts.identity),
        node_checks.check_port(facts.port),
        reach_checks.check_firewall(facts.firewall),
        node_checks.check_agent(facts.agent),
        node_checks.check_multicast(facts.multicast),
        reach_checks.check_hub(facts.hub),
        node_checks.check_peers(facts.peers),
        mesh_checks.check_other_clocks(facts.other_clocks),
        mesh_checks.check_modules(facts.runs),
        mesh_checks.check_runs(facts.runs),
        machine_checks.check_cameras(facts.cameras),
        machine_checks.check_gpu(facts.gpu),
    ]
