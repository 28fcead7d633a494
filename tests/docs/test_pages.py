"""Every code block of the documentation runs, is checked, or says why it is not."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from docs.generate.blocks import Block, blocks_of
from docs.generate.site import ROOT, hand_written

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [*hand_written(), ROOT / "README.md", ROOT / "README.zh.md"]
PAGE_S_MAX = 240
OWN_NETWORK = ["unshare", "--user", "--map-root-user", "--net", "--fork", "--kill-child"]
SET_UP = "ip link set lo up && ip addr add 10.77.0.1/32 dev lo && exec "


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page, name_of(page))]


def pages_to_walk() -> list[str]:
    fates = {"run", "checked"}
    return sorted({block.page for block in blocks() if block.fate in fates})


@functools.cache
def may_have_own_network() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    trial = [*OWN_NETWORK, "bash", "-c", SET_UP + "true"]
    return subprocess.run(trial, capture_output=True).returncode == 0


def test_every_block_runs_or_is_checked_or_says_why_not() -> None:
    unmarked = [f"{block.place} ({block.language or 'no language'})" for block in blocks()
                if not block.fate]  # fmt: skip

    assert unmarked == []


def test_most_blocks_run() -> None:
    fates = Counter(block.fate for block in blocks() if block.language in ("bash", "python"))

    assert fates["run"] > 3 * fates["not run"], fates


def test_an_output_follows_a_block_that_runs() -> None:
    lonely: list[str] = []
    previous: dict[str, Block] = {}
    for block in blocks():
        before = previous.get(block.page)
        if block.fate == "output" and (before is None or before.fate != "run"):
            lonely.append(block.place)
        previous[block.page] = block

    assert lonely == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = {
        (name_of(page), target)
        for page in PAGES
        for target in re.findall(
            r"(?:^|`)make ([a-z]+(?:-[a-z]+)*)", page.read_text(), re.MULTILINE
        )
    }

    assert sorted((page, target) for page, target in named if target not in targets) == []


@pytest.mark.integration
@pytest.mark.parametrize("page", pages_to_walk())
def test_a_page_does_what_it_says(page: str, tmp_path: Path) -> None:
    walk = [sys.executable, "-m", "docs.generate.walkthrough", page, str(tmp_path / "walk")]
    own = may_have_own_network()
    command = [*OWN_NETWORK, "bash", "-c", SET_UP + '"$@"', "bash", *walk] if own else walk

    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"DOCS_OWN_NETWORK": str(int(own))},
        capture_output=True,
        text=True,
        timeout=PAGE_S_MAX,
    )

    assert done.returncode == 0, done.stderr
