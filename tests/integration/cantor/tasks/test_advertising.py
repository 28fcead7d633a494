"""A task says what its node has, and the node has it no longer than the task."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bed.loopback import WAIT_S, Boxes

import cantor
import cantor.resources

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
EXAMPLE = Path(__file__).parents[4] / "configs" / "resources" / "resources.yaml"


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path)
    try:
        boxes.start("desk", "--workers", "1", "--resources-file", str(EXAMPLE))
        boxes.until_known("desk", "desk")
        yield boxes
    finally:
        boxes.close()


@cantor.task
def advertise_in_a_block() -> tuple[bool, bool]:
    """Whether the node has it inside the block, and after it; of the agent that runs this."""
    import asyncio

    from cantor.node.control import ask
    from cantor.node.folder import asked_folder

    def has_it() -> bool:
        return "Calibrated" in str(asyncio.run(ask(asked_folder(), "nodes")))

    with cantor.resources.advertise("Calibrated"):
        inside = has_it()
    return inside, has_it()


def test_a_task_advertises_on_the_node_that_runs_it(boxes: Boxes) -> None:
    with cantor.connect(boxes["desk"].folder):
        assert advertise_in_a_block.submit().result(30) == (True, False)


def test_an_agent_has_and_shares_what_its_file_says(boxes: Boxes) -> None:
    wanted = {"Detectron2": True, "cuda": "12.4.1", "Robot": 1, "Scratch": 2**33, "Licence": 8}
    end = time.monotonic() + WAIT_S
    while True:  # its hardware is looked at first
        [node] = boxes["desk"].ask("resources")
        there = {row["name"]: row["value"] for row in node["resources"]}
        if wanted.items() <= there.items():
            break
        assert time.monotonic() < end, there
        time.sleep(0.02)
    assert node["shared"][0]["total"] == 8
