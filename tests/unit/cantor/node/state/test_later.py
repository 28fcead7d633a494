"""A kind that is imported when somebody asks about it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.state.later import Later
from cantor.node.state.queues import Queues
from cantor.node.state.wording import Answer, Question

if TYPE_CHECKING:
    from pathlib import Path

QUEUES = "cantor.node.state.queues"


async def test_it_is_the_kind_as_soon_as_it_is_asked(tmp_path: Path) -> None:
    node = FakeMesh().add(NodeId("a" * 32), tmp_path)
    later = Later(node, QUEUES, "Queues")
    await later.close()
    told = later.answer(Question("queues", {}, (), node.node_id))
    assert isinstance(told, Answer)
    assert told.headers == {"rows": []}
    assert later.changing == Queues.changing
    await later.close()


def test_an_agent_does_not_carry_queues_before_it_is_asked() -> None:
    code = "import sys, cantor.node.state.service; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "cantor.node.state.later" in modules
    assert QUEUES not in modules
