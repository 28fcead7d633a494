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
    with pytest.raises(ConfigError, match="weight"):
        MeshSettings(weights={NodeId("a" * 32): 0.0})
