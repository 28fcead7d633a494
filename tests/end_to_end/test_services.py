"""The page of pushed code over a hub and two boxes, all real processes: pushed from the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from tests.end_to_end.conftest import (
    DESK,
    NARROW,
    PAGE_TIMEOUT_MS,
    assert_accessible,
    look_around,
    picture,
)
from tests.end_to_end.plants import Plant, a_plant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.end_to_end
OPTIONS = ("--code-run", "tenant", "--workers", "0", "--resource", "Belt==1")
MANIFEST = "name: counter\nhealth: {ready: ready, hold: 300ms}\n"
CALM = """
import os, time
print("ready {number} on", os.environ["CANTOR_NODE"])
while True:
    time.sleep(0.1)
"""
BROKEN = "raise SystemExit('no camera')\n"


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Its two boxes run code of their tenant."""
    with a_plant(tmp_path, {"dock": OPTIONS, "gate": OPTIONS}) as plant:
        yield plant


def code(folder: Path, main: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(main)
    (folder / "service.yaml").write_text(MANIFEST)
    return folder


def test_code_is_pushed_answers_fails_and_is_returned_from_the_console(
    browser_context: BrowserContext, plant: Plant, tmp_path: Path
) -> None:
    page = browser_context.new_page()
    page.set_viewport_size(DESK)
    page.goto(plant.link)
    page.get_by_role("link", name="Pushed code", exact=True).click()
    expect(page.get_by_role("heading", name="No code is pushed yet")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Push code").press("Enter")
    push_the_first(page, code(tmp_path / "counter", CALM.format(number="one")))

    row = page.get_by_role("table", name="Pushed code").get_by_role("row").nth(1)
    expect(row).to_contain_text("2 of 2", timeout=PAGE_TIMEOUT_MS)
    look_around(page, "services", page.get_by_role("heading", name="推送的代码", exact=True))
    page.get_by_role("button", name="counter", exact=True).press("Enter")
    drawer = page.get_by_role("dialog", name="counter")
    expect(drawer.get_by_label("What it printed").last).to_contain_text("ready one on gate")
    push_again(page, drawer, code(tmp_path / "counter", CALM.format(number="two")))
    expect(row.get_by_role("cell").nth(1)).to_have_text("Service")
    expect(row.get_by_role("cell").nth(3)).to_have_text("2", timeout=PAGE_TIMEOUT_MS)
    page.get_by_role("button", name="counter", exact=True).click()
    logs = drawer.get_by_label("What it printed").last
    expect(logs).to_contain_text("ready two on dock", timeout=PAGE_TIMEOUT_MS)
    look_into_the_service(page)

    drawer.get_by_role("button", name="Return to 1").press("Enter")
    revisions = drawer.get_by_role("table", name="Revisions").get_by_role("row")
    expect(revisions.nth(1)).to_contain_text("return to 1")
    expect(logs).to_contain_text("ready one on dock", timeout=PAGE_TIMEOUT_MS)
    push_again(page, drawer, code(tmp_path / "counter", BROKEN))
    page.get_by_role("button", name="counter", exact=True).click()
    nodes = drawer.get_by_role("table", name="Nodes")
    expect(nodes).to_contain_text("Returned", timeout=PAGE_TIMEOUT_MS)
    expect(logs).to_contain_text("no camera", timeout=PAGE_TIMEOUT_MS)
    assert_accessible(page)
    picture(page, "service-returned-en")
    stop_and_remove(page, drawer)
    page.close()


def push_the_first(page: Page, folder: Path) -> None:
    """The dialog says who satisfies the needs while they are written, and what is lacking."""
    dialog = page.get_by_role("dialog", name="Push code")
    dialog.get_by_role("button", name="Push", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text("Choose code first.")
    dialog.locator("input[type=file]").nth(2).set_input_files(folder)
    expect(dialog.get_by_text("2 files, counter/main.py among them")).to_be_visible()
    needs = dialog.get_by_role("textbox", name="Needs")
    needs.fill("Belt = 1")
    expect(dialog.get_by_text("Belt is a condition and cannot be taken.")).to_be_visible()
    assert_accessible(page)
    needs.fill("Belt == 1")
    expect(dialog.get_by_text("2 of 3 nodes satisfy it now")).to_be_visible()
    assert_accessible(page)
    picture(page, "push-en")
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    page.set_viewport_size(DESK)
    dialog.get_by_role("button", name="Push", exact=True).click()
    expect(dialog).to_have_count(0, timeout=PAGE_TIMEOUT_MS)


def push_again(page: Page, drawer: Locator, folder: Path) -> None:
    drawer.get_by_role("button", name="Push a new revision").click()
    dialog = page.get_by_role("dialog", name="Push a new revision")
    files = [folder / "main.py", folder / "service.yaml"]
    dialog.locator("input[type=file]").nth(1).set_input_files(files)
    dialog.get_by_role("button", name="Push", exact=True).click()
    expect(dialog).to_have_count(0, timeout=PAGE_TIMEOUT_MS)


def look_into_the_service(page: Page) -> None:
    assert_accessible(page)
    picture(page, "service-en")
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    picture(page, "service-narrow-en")
    page.set_viewport_size(DESK)


def stop_and_remove(page: Page, drawer: Locator) -> None:
    drawer.get_by_role("button", name="Stop", exact=True).click()
    expect(drawer.get_by_role("button", name="Start", exact=True)).to_be_visible()
    drawer.get_by_role("button", name="Remove", exact=True).click()
    asked = page.get_by_role("dialog", name="Remove counter?")
    asked.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("heading", name="No code is pushed yet")).to_be_visible()
