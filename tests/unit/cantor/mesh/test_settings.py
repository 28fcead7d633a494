from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.mesh.settings import MeshSettings


def test_a_node_dials_one_fewer_than_it_keeps_and_accepts_more_for_a_moment() -> None:
    settings = MeshSettings(links_max=6)
    assert (settings.links_wanted, settings.links_hard_max) == (5, 24)


def test_a_mesh_over_one_link_each_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        MeshSettings(links_max=1)


def test_a_weight_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="the weight 0 of links with gate"):
        MeshSettings(weights={"gate": 0.0})


def test_an_id_counts_more_than_a_name_which_anybody_may_take() -> None:
    node = NodeId("a" * 32)
    settings = MeshSettings(weights={node: 2.0, "gate": 3.0})
    assert settings.weight_of(node, {"name": "gate"}) == 2.0
    assert settings.weight_of(NodeId("b" * 32), {"name": "gate"}) == 3.0
    assert settings.weight_of(NodeId("b" * 32), {"name": ["gate"]}) == 1.0
    assert settings.weight_of(NodeId("b" * 32), None) == 1.0
