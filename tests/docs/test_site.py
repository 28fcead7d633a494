"""The site builds without a warning and works without other servers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from docs.generate.search_words import BREAK
from docs.generate.site import REFERENCE, build

if TYPE_CHECKING:
    from pathlib import Path

LOADS = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    assert build(folder / "work", folder / "site") == 0
    return folder / "site"


def test_nothing_is_loaded_from_other_servers(site: Path) -> None:
    foreign = [
        str(path.relative_to(site))
        for path in site.rglob("*.html")
        if LOADS.search(path.read_text(encoding="utf-8"))
    ]

    assert foreign == []


def test_every_generated_page_is_there(site: Path) -> None:
    assert [name for name in REFERENCE if not (site / "reference" / f"{name}.html").exists()] == []


def test_notes_to_the_tests_are_not_shown(site: Path) -> None:
    shown = [path for path in site.rglob("*.html") if "<!-- runs" in path.read_text("utf-8")]

    assert shown == []


def test_english_and_chinese_words_can_be_found(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))

    words = {word for entry in index["docs"] for word in re.split(rf"[\s{BREAK}]", entry["text"])}
    assert {"ledger", "节点", "令牌"} <= words
