"""The Mesh page over a hub and three boxes, all real processes; one is stopped, then the others."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.end_to_end.conftest import (
    PAGE_TIMEOUT_MS,
    assert_accessible,
    picture,
    switch_language,
)
from tests.end_to_end.plants import Plant, a_plant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.end_to_end
BOXES: dict[str, tuple[str, ...]] = {"dock": (), "gate": (), "press": ()}


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with a_plant(tmp_path, BOXES) as plant:
        yield plant


def test_the_mesh_is_seen_searched_and_measured_and_lost_nodes_are_told(
    browser_context: BrowserContext, plant: Plant
) -> None:
    page = browser_context.new_page()
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto(plant.link)
    page.get_by_role("link", name="Mesh", exact=True).click()
    expect(page.get_by_role("heading", name="Mesh", exact=True)).to_be_visible()
    expect(page.get_by_text("4 of 4 nodes reached")).to_be_visible(timeout=PAGE_TIMEOUT_MS)
    expect(page.get_by_text("3 of them in the tree")).to_be_visible(timeout=PAGE_TIMEOUT_MS)
    assert_accessible(page)
    picture(page, "mesh-en")
    choose_by_keyboard_and_by_mouse(page)
    choose_a_link(page)
    find_a_path(page)
    look_in_chinese_and_dark(page)
    plant.boxes["gate"].kill()
    see_one_offline(page)
    for name in ("dock", "press"):  # silent at once, so that neither says that the other is gone
        plant.boxes[name].send_signal(signal.SIGSTOP)
    see_the_other_side(page)
    page.close()


def choose_by_keyboard_and_by_mouse(page: Page) -> None:
    """N chooses the next node by name and centres it; a click at the centre chooses it again."""
    graph = page.get_by_role("application", name="Graph of the mesh")
    graph.focus()
    graph.press("n")
    panel = page.get_by_role("region", name="Chosen node")
    expect(panel.get_by_role("heading")).to_have_text("dock")
    expect(panel.get_by_role("list", name="Links").get_by_role("listitem").first).to_be_visible()
    graph.press("Escape")
    expect(panel).to_have_count(0)
    graph.click()
    expect(panel.get_by_role("heading")).to_have_text("dock")
    graph.press("0")
    page.get_by_role("textbox", name="Search nodes").fill("pre")
    expect(page.get_by_text("1 node found")).to_be_visible()
    expect(page.get_by_role("table", name="Nodes of the mesh").get_by_role("row")).to_have_count(2)
    page.get_by_role("textbox", name="Search nodes").press("Enter")
    expect(panel.get_by_role("heading")).to_have_text("press")
    page.get_by_role("textbox", name="Search nodes").fill("")


def choose_a_link(page: Page) -> None:
    """A link of the table tells its figures, also those that its own end measures."""
    links = page.get_by_role("table", name="Links of the mesh")
    links.get_by_role("row").nth(1).get_by_role("button").click()
    panel = page.get_by_role("region", name="Chosen link")
    expect(panel).to_contain_text("Cost")
    expect(panel).to_contain_text("Spanning treeyes")
    expect(panel.get_by_role("time")).to_be_visible()  # asked of a node over the mesh
    assert_accessible(page)
    panel.get_by_role("button", name="End the choice").click()
    expect(panel).to_have_count(0)


def find_a_path(page: Page) -> None:
    """Two names give the way between them, which the address keeps."""
    finder = page.get_by_role("region", name="Path finder")
    for side, name in (("From", "dock"), ("To", "press")):
        finder.get_by_label(side, exact=True).first.click()
        page.get_by_role("option", name=name).click()
    expect(finder.get_by_text("Total cost")).to_be_visible()
    expect(finder.get_by_role("listitem").first).to_have_text("dock")
    expect(finder.get_by_role("listitem").last).to_contain_text("press")
    assert_accessible(page)
    page.get_by_role("application", name="Graph of the mesh").press("0")
    picture(page, "mesh-path-en")
    page.reload()
    expect(finder.get_by_text("Total cost")).to_be_visible()


def look_in_chinese_and_dark(page: Page) -> None:
    """The page is accessible in 中文 and in dark colours; ends in English and light."""
    switch_language(page, "Language", "中文")
    expect(page.get_by_role("heading", name="网格", exact=True)).to_be_visible()
    assert_accessible(page)
    picture(page, "mesh-zh")
    page.get_by_role("button", name="切换到深色").click()
    assert_accessible(page)
    picture(page, "mesh-dark-zh")
    page.get_by_role("button", name="切换到浅色").click()
    switch_language(page, "语言", "English")
    page.get_by_role("button", name="Clear the path", exact=True).click()


def see_one_offline(page: Page) -> None:
    """A stopped node is told as offline; the mesh has not fallen apart by that."""
    nodes = page.get_by_role("table", name="Nodes of the mesh")
    row = nodes.get_by_role("row").filter(has_text="gate")
    expect(row).to_contain_text("Offline", timeout=PAGE_TIMEOUT_MS)
    expect(row).to_contain_text("0")
    expect(page.get_by_text("3 of 4 nodes reached")).to_be_visible()
    expect(page.get_by_text("fallen apart")).to_have_count(0)
    assert_accessible(page)
    picture(page, "mesh-offline-en")


def see_the_other_side(page: Page) -> None:
    """Two nodes that were linked with each other are a side of their own, and it is named."""
    notice = page.get_by_role("status").filter(has_text="fallen apart into 2 sides")
    expect(notice).to_be_visible(timeout=PAGE_TIMEOUT_MS)
    expect(notice).to_contain_text("Side 2 (2 nodes) dock, press")
    expect(notice).to_contain_text("This hub's side (1 node) hub")
    links = page.get_by_role("table", name="Links of the mesh")
    expect(links.get_by_role("row").filter(has_text="dock – press")).to_contain_text("Last known")
    page.get_by_role("button", name="Show everything").click()
    assert_accessible(page)
    picture(page, "mesh-split-en")
