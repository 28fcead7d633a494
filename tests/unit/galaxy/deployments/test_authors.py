"""Who has deployed what is proven by a fact of theirs, and by nothing that a deployment says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh, FakeNode
from cantor.workers.sandbox.rules import Rules
from galaxy.deployments.authors import AUTHOR, Authors, hash_of
from galaxy.deployments.records import Deployment

if TYPE_CHECKING:
    from pathlib import Path

HERE, FRIEND, STRANGER = (NodeId(letter * 32) for letter in "abc")
PIPELINE = {"name": "one", "filters": {"x": {"type": "odd", "params": {"a": 1, "b": 2.5}}}}


@pytest.fixture
def nodes(tmp_path: Path) -> dict[NodeId, FakeNode]:
    mesh = FakeMesh()
    nodes = {one: mesh.add(one, tmp_path / one) for one in (HERE, FRIEND, STRANGER)}
    nodes[HERE].sandboxes.rules = Rules(own="none", others="full", nodes={FRIEND: "net"})
    return nodes


def deployed(by: NodeId) -> Deployment:
    return Deployment("one", PIPELINE, created_by=by)


@pytest.mark.parametrize(("by", "level"), [(HERE, "none"), (FRIEND, "net"), (STRANGER, "full")])
def test_what_its_author_vouches_for_runs_at_the_authors_level(
    nodes: dict[NodeId, FakeNode], by: NodeId, level: str
) -> None:
    Authors(nodes[by]).vouch(deployed(by))

    assert Authors(nodes[HERE]).level_of(deployed(by)) == level


@pytest.mark.parametrize("by", [HERE, FRIEND, "of no form"])
def test_whoever_is_only_named_counts_for_nothing(
    nodes: dict[NodeId, FakeNode], by: NodeId
) -> None:
    Authors(nodes[STRANGER]).vouch(deployed(by))

    assert Authors(nodes[HERE]).level_of(deployed(by)) == "full"


def test_only_who_vouches_has_deployed(nodes: dict[NodeId, FakeNode]) -> None:
    Authors(nodes[FRIEND]).vouch(deployed(FRIEND))
    authors = Authors(nodes[HERE])

    assert authors.has_deployed(FRIEND, deployed(FRIEND))
    assert not authors.has_deployed(STRANGER, deployed(FRIEND))
    assert not authors.has_deployed(STRANGER, deployed(STRANGER)), "it only says so"


def test_whose_a_deployment_is_is_told_by_its_authors_certificate(
    nodes: dict[NodeId, FakeNode],
) -> None:
    nodes[FRIEND].tenant = "theirs"
    authors, told = Authors(nodes[HERE]), replace(deployed(FRIEND), tenant="whatever it says")

    assert authors.tenant_of(told) == nodes[HERE].tenant, "nobody vouches for it"
    Authors(nodes[FRIEND]).vouch(told)
    assert authors.tenant_of(told) == "theirs"
    assert authors.tenant_of(replace(told, created_by=HERE)) == nodes[HERE].tenant


def test_another_pipeline_under_the_same_id_is_not_vouched_for(
    nodes: dict[NodeId, FakeNode],
) -> None:
    Authors(nodes[HERE]).vouch(deployed(HERE))
    other = replace(deployed(HERE), revision=2, pipeline={**PIPELINE, "name": "two"})

    assert Authors(nodes[HERE]).level_of(other) == "full"


def test_an_open_rule_for_others_opens_no_more_than_it_says(
    nodes: dict[NodeId, FakeNode],
) -> None:
    nodes[HERE].sandboxes.rules = Rules(own="full", others="none")

    assert Authors(nodes[HERE]).level_of(deployed(STRANGER)) == "none"
    assert Authors(nodes[HERE]).level_of(deployed(HERE)) == "full"


def test_what_is_removed_is_vouched_for_no_more(nodes: dict[NodeId, FakeNode]) -> None:
    for by in (HERE, FRIEND):
        Authors(nodes[by]).vouch(replace(deployed(by), id=by[:4]))

    Authors(nodes[HERE]).forget(())

    assert [fact.owner for fact in nodes[HERE].facts(AUTHOR)] == [FRIEND]


def test_the_same_pipeline_for_another_project_is_not_vouched_for(
    nodes: dict[NodeId, FakeNode],
) -> None:
    Authors(nodes[HERE]).vouch(deployed(HERE))

    assert Authors(nodes[HERE]).is_proven(deployed(HERE))
    assert not Authors(nodes[HERE]).is_proven(replace(deployed(HERE), project="vision"))


def test_the_order_of_keys_is_not_hashed() -> None:
    one = deployed(HERE)
    turned = {"filters": PIPELINE["filters"], "name": "one"}

    assert hash_of(replace(one, pipeline=turned)) == hash_of(one)
    assert hash_of(replace(one, pipeline={**turned, "name": "two"})) != hash_of(one)
