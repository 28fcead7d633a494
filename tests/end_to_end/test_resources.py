"""The Resources page over a hub and two boxes, all real processes; a script takes and waits."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.end_to_end.conftest import (
    DESK,
    NARROW,
    PAGE_TIMEOUT_MS,
    assert_accessible,
    look_around,
    picture,
    printed,
    running,
    switch_language,
)
from tests.end_to_end.plants import Plant, a_plant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.end_to_end
BOXES = {
    "dock": ("--resource", "GPU=2", "--resource", "Detectron2==1", "--shared", "Licence=8"),
    "gate": ("--resource", "GPU=1", "--resource", "Scratch=8GiB", "--workers", "3"),
}
SCRIPT = """
import sys, time, cantor

@cantor.task(needs="GPU = 1 and Scratch = 2GiB")
def take(number):
    time.sleep(3600)

if __name__ == "__main__":
    with cantor.connect(sys.argv[1]):
        parts = [take.submit(number) for number in range(2)]
        print("submitted", flush=True)
        parts[0].result()
"""


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with a_plant(tmp_path, BOXES) as plant:
        yield plant


def test_resources_are_seen_live_with_holders_and_waiters_and_expressions_are_answered(
    browser_context: BrowserContext, plant: Plant, tmp_path: Path
) -> None:
    page = browser_context.new_page()
    page.set_viewport_size(DESK)
    page.goto(plant.link)
    page.get_by_role("link", name="Resources", exact=True).click()
    expect(page.get_by_role("heading", name="Resources", exact=True)).to_be_visible()
    quantities = page.get_by_role("table", name="Quantities")
    gpu = quantities.get_by_role("row").filter(has_text="GPU")
    expect(gpu).to_contain_text("0 of 3 taken", timeout=PAGE_TIMEOUT_MS)
    licence = quantities.get_by_role("row").filter(has_text="Licence")
    expect(licence).to_contain_text("0 of 8 taken", timeout=PAGE_TIMEOUT_MS)
    script, log = tmp_path / "take.py", tmp_path / "script.log"
    script.write_text(SCRIPT)
    with running([sys.executable, str(script), str(plant.folder / "gate")], log) as process:
        printed(process, "submitted", log)
        expect(gpu).to_contain_text("1 of 3 taken", timeout=PAGE_TIMEOUT_MS)
        expect(gpu.get_by_role("cell").nth(3)).to_have_text("1", timeout=PAGE_TIMEOUT_MS)
        look_around(page, "resources", page.get_by_role("heading", name="资源", exact=True))
        look_into_a_resource(page)
        ask_who_satisfies(page)
    expect(gpu).to_contain_text("0 of 3 taken", timeout=PAGE_TIMEOUT_MS)
    page.close()


def look_into_a_resource(page: Page) -> None:
    """The keyboard opens a resource: who holds it, who waits, which nodes have it."""
    page.get_by_role("button", name="GPU", exact=True).press("Enter")
    drawer = page.get_by_role("dialog", name="GPU")

    holders = drawer.get_by_role("table", name="Held by")
    expect(holders.get_by_role("row")).to_have_count(2)
    expect(holders.get_by_role("row").last).to_contain_text("gate")
    expect(drawer.get_by_role("table", name="Waiting")).to_contain_text("GPU = 1")
    nodes = drawer.get_by_role("table", name="Nodes")
    expect(nodes.get_by_role("row").filter(has_text="dock")).to_contain_text("0 of 2 taken")
    assert_accessible(page)
    picture(page, "resource-en")
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    picture(page, "resource-narrow-en")
    page.set_viewport_size(DESK)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    page.get_by_role("button", name="Licence", exact=True).click()
    drawer = page.get_by_role("dialog", name="Licence")
    expect(drawer.get_by_role("table", name="Rights to shared units")).to_contain_text("dock")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def ask_who_satisfies(page: Page) -> None:
    """An expression is answered node by node; a wrong one is shown at its column."""
    box = page.get_by_role("textbox", name="Who satisfies this?")
    box.fill("GPU = 2 and Detectron2 == 1")
    box.press("Enter")
    expect(page.get_by_text("1 of 3 nodes satisfies it now")).to_be_visible()
    fits = page.get_by_role("table", name="Nodes and the expression")
    expect(fits.get_by_role("row").nth(1)).to_contain_text("dock")
    expect(fits.get_by_role("row").filter(has_text="gate")).to_contain_text("GPU = 2 fails")
    assert_accessible(page)
    picture(page, "needs-en")
    box.fill("GPU = 1 and Detectron2 = 1")
    box.press("Enter")
    mistake = page.get_by_role("alert")
    expect(mistake).to_contain_text("Column 13: Detectron2 is a condition and cannot be taken.")
    expect(page.locator("mark")).to_have_text("D")
    expect(box).to_have_attribute("aria-invalid", "true")
    assert_accessible(page)
    picture(page, "needs-mistake-en")
    switch_language(page, "Language", "中文")
    expect(page.get_by_role("alert")).to_contain_text("第 13 列：Detectron2 是条件，不能占用。")
    picture(page, "needs-mistake-zh")
    switch_language(page, "语言", "English")
    box.fill("GPU = 9")
    box.press("Enter")
    expect(page.get_by_text("No node can ever satisfy it")).to_be_visible()
    assert_accessible(page)
    box.fill("")
    box.press("Enter")
    expect(page.get_by_text("No node can ever satisfy it")).to_have_count(0)
