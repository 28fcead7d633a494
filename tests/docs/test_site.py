"""The site builds without a warning and works without other servers."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import re
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from docs.generate.search_words import BREAK
from docs.generate.site import REFERENCE, build
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
PAGE_TIMEOUT_MS = 30_000.0
LOADS = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//")


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server of these files on loopback."""
    handler = functools.partial(Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


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


def test_chinese_pages_say_so_and_have_no_gaps_within_sentences(site: Path) -> None:
    pages = list((site / "zh").rglob("*.html"))

    assert len(pages) > 2
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert '<html lang="zh-CN"' in text
        assert "Table of contents" not in text
        body = re.sub(
            r"<(pre|code|script)\b.*?</\1>", "", text.partition("<article")[2], flags=re.S
        )
        assert not re.search(r"[\u3400-\u9fff]\n[\u3400-\u9fff]", body), path.name
    assert '<html lang="en"' in (site / "index.html").read_text(encoding="utf-8")


def test_the_navigation_of_a_chinese_page_is_chinese(site: Path) -> None:
    for path in (site / "zh").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        titles = re.findall(r'<span class="?md-ellipsis"?>\s*([^<]+?)\s*<', text)
        assert len(titles) >= 3, path
        foreign = {title for title in titles if not re.search(r"[\u4e00-\u9fff]", title)}
        assert foreign <= {"Cantor Edge"}, path
    assert "How to" in (site / "index.html").read_text(encoding="utf-8")


def test_english_and_chinese_words_can_be_found(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))

    words = {word for entry in index["docs"] for word in re.split(rf"[\s{BREAK}]", entry["text"])}
    assert {"ledger", "节点", "令牌"} <= words


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("question", "answer"),
    [("ledger", "Mesh and ledger"), ("令牌", "两台机器"), ("onnx", "Filters")],
)
def test_a_browser_finds_words_and_asks_no_other_server(
    site: Path, question: str, answer: str
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: sudo apt-get install -y chromium")
    asked: list[str] = []
    with serving(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/index.html")
        field = page.locator("input.md-search__input")
        field.click()
        expect(page.locator(".md-search-result__meta")).to_contain_text("start searching")

        field.fill(question)
        field.press("End")  # the page looks when a key goes up, as also input methods let it

        results = page.locator(".md-search-result__item")
        expect(results.filter(has_text=answer).first).to_be_attached(timeout=PAGE_TIMEOUT_MS)
        browser.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
