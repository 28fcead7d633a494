from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import LocalProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from galaxy.deployments.service import Deployments
from galaxy.pipeline import FilterSpec, Pipeline

if TYPE_CHECKING:
    from pathlib import Path

NODE = NodeId("ab" * 16)


async def test_a_node_that_holds_too_many_deployments_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = FakeMesh().add(NODE, tmp_path, name="box")

    def full(name: str, value: object, *, lasting: bool = False) -> None:
        raise LocalProtocolError("as many as it may", where=f"{name} {value} {lasting}")

    monkeypatch.setattr(node, "publish", full)
    service = Deployments(node)
    pipeline = Pipeline("p", {"source": FilterSpec("test_pattern")}, ())

    with pytest.raises(UnavailableError, match="box: this node holds too many deployments"):
        await service.deploy(pipeline)

    assert service.views() == []
