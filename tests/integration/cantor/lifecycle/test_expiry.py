"""A node that no issuer confirms for longer than its tenant allows does not count meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.lifecycle.conftest import Mesh, states, until

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from cantor.node.agent import Agent
    from cantor.wire.frame import Value

pytestmark = pytest.mark.integration
YEAR_S = 365 * 86_400.0


def policy(agent: Agent, **wish: Value) -> dict[str, Value]:
    """What an agent says of the policy, or sets it to."""
    told = agent.calls()["mesh.policy"](wish)
    assert isinstance(told, dict)
    return told


def having(agent: Agent) -> set[object]:
    """Which nodes an agent knows to keep to the policy."""
    nodes = policy(agent)["nodes"]
    assert isinstance(nodes, list)
    return {row["name"] for row in nodes if isinstance(row, dict) and row["has_it"]}


async def test_a_node_that_was_stale_for_too_long_is_out_until_an_issuer_confirms_it(
    mesh: Mesh,
) -> None:
    mesh.certify("issuer")
    mesh.certify("other")
    issuer = await mesh.start("issuer", is_issuer=True)
    other = await mesh.start("other", seeds=issuer.addresses)
    told = policy(issuer, stale_days=2, by="local:ada")
    assert (told["stale_days"], told["revision"], told["by"]) == (2, 1, "local:ada")
    await until(other, lambda: policy(other)["stale_days"] == 2)
    for agent in (issuer, other):
        await until(agent, lambda a=agent: having(a) == {"issuer", "other"})  # type: ignore[misc]
    assert policy(other)["issuer"] == issuer.node_id
    with pytest.raises(ConfigError, match="only an issuer"):
        policy(other, stale_days=9)
    await mesh.stop("issuer")

    mesh.certify("box", age=timedelta(days=4))
    box = await mesh.start("box", seeds=other.addresses)
    for agent in (other, box):
        await until(agent, lambda a=agent: states(a).get("box") == "expired")  # type: ignore[misc]
    assert box.node_id not in other.alive()
    assert box.node_id not in {fact.owner for fact in other.facts("node")}
    assert box.lifecycle.status()["standing"] == "expired"
    assert {link.peer for link in other._core.links} == {box.node_id}

    issuer = await mesh.start("issuer", is_issuer=True, seeds=other.addresses)
    for agent in (other, box, issuer):
        await until(agent, lambda a=agent: set(states(a).values()) == {"online"})  # type: ignore[misc]
    assert box.node_id in other.alive()


async def test_a_clock_that_is_set_ahead_while_agents_run_ends_nobody(mesh: Mesh) -> None:
    mesh.certify("box")
    mesh.certify("other")
    other = await mesh.start("other")
    box = await mesh.start("box", seeds=other.addresses)
    await until(other, lambda: states(other).get("box") == "online")

    mesh.clocks["other"].ahead_s = YEAR_S
    other.lifecycle._expire()
    assert other.lifecycle.expired == frozenset()
    assert {box.node_id, other.node_id} == other.alive()
