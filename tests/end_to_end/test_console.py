"""A person adds a device in a real browser: hub, enrolment and agent are real processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.end_to_end.conftest import (
    BOX,
    LOOPBACK,
    PAGE_TIMEOUT_MS,
    assert_accessible,
    cantor,
    enrol,
    picture,
    running,
    switch_language,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.end_to_end


def count_clicks(page: Page) -> None:
    """Count the clicks of a person from now on, in ``window.clicks``."""
    page.evaluate(
        "() => { if (!('clicks' in window))"
        " addEventListener('click', (event) => { window.clicks += +event.isTrusted; }, true);"
        " window.clicks = 0; }"
    )


def copy_enrol_line(page: Page) -> str:
    """Open the dialog and copy its line; exactly two clicks from the Devices page."""
    count_clicks(page)
    page.get_by_role("button", name="Add device").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy", exact=True).click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("window.clicks") == 2
    line = dialog.get_by_role("textbox", name="Line to run").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == line
    assert_accessible(page)
    return line


def test_sign_in_page_is_accessible_in_both_languages(
    browser_context: BrowserContext, sign_in_link: str
) -> None:
    page = browser_context.new_page()
    page.goto(sign_in_link.partition("#")[0])
    expect(page.get_by_role("heading", name="Sign in to Edge Hub")).to_be_visible()
    assert_accessible(page)
    picture(page, "sign-in-en")
    switch_language(page, "Language", "中文")
    expect(page.get_by_role("heading", name="登录 Edge Hub")).to_be_visible()
    assert_accessible(page)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    picture(page, "sign-in-zh")
    switch_language(page, "语言", "English")
    page.close()


def test_a_device_is_added_in_two_clicks_runs_a_pipeline_after_four_and_is_missed_when_killed(
    browser_context: BrowserContext, sign_in_link: str, tmp_path: Path
) -> None:
    page = browser_context.new_page()
    page.goto(sign_in_link)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    guide = page.get_by_role("region", name="Get started")
    expect(guide.get_by_role("link")).to_have_text(["Add device", "Deploy a pipeline"])
    assert_accessible(page)
    picture(page, "overview-empty-en")
    page.get_by_role("link", name="Devices").click()
    enrol(copy_enrol_line(page), tmp_path / "box")
    page.get_by_role("button", name="Close").click()
    log = tmp_path / "agent.log"
    agent = cantor("agent", "--data", str(tmp_path / "box"), "--name", BOX, *LOOPBACK)
    with running(agent, log, CANTOR_SIMULATED_CAMERA="1") as process:
        nodes = page.get_by_role("table", name="Nodes")
        row = nodes.get_by_role("row").filter(has_text=BOX)
        expect(row).to_contain_text("Online", timeout=PAGE_TIMEOUT_MS)
        find_by_camera(page)
        look_at_pages(page)
        deploy_the_conveyor(page)
        look_at_pipelines(page)
        look_into_filter_and_node(page)
        another_project_is_empty(page)
        page.get_by_role("row").filter(has_text="conveyor").get_by_role("link").click()
        process.kill()
        look_at_a_lost_node(page)
        page.get_by_role("link", name="Devices").click()
        expect(row).to_contain_text("Offline", timeout=PAGE_TIMEOUT_MS)
    stop_and_delete(page)
    page.close()


def find_by_camera(page: Page) -> None:
    """The filter finds the box, and only it, by its camera."""
    box = page.get_by_role("textbox", name="Filter", exact=True)
    box.fill("USBCamera == 1")
    box.press("Enter")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(2, timeout=PAGE_TIMEOUT_MS)  # the heads and the box
    expect(rows.last).to_contain_text(BOX)
    page.get_by_role("button", name="Clear the filter").click()


def look_at_pages(page: Page) -> None:
    """Both pages are accessible in both languages, and dark; ends on Devices in English."""
    assert_accessible(page)
    picture(page, "devices-en")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert_accessible(page)
    picture(page, "overview-en")
    page.get_by_role("button", name="Switch to dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    assert_accessible(page)
    picture(page, "overview-dark-en")
    page.get_by_role("button", name="Switch to light colours").click()
    switch_language(page, "Language", "中文")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("heading", name="概览")).to_be_visible()
    assert_accessible(page)
    picture(page, "overview-zh")
    page.get_by_role("link", name="设备").click()
    expect(page.get_by_role("heading", name="设备", exact=True)).to_be_visible()
    assert_accessible(page)
    picture(page, "devices-zh")
    switch_language(page, "语言", "English")
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()


def deploy_the_conveyor(page: Page) -> None:
    """Four clicks from any page to the live picture of a template, on which boxes change."""
    count_clicks(page)
    page.get_by_role("link", name="Pipelines").click()
    page.get_by_role("button", name="Deploy conveyor").click()
    panel = page.get_by_role("dialog")
    panel.get_by_role("button", name="Deploy", exact=True).click()
    page.wait_for_url(re.compile(r"/pipelines/[0-9a-f]+$"))
    page.get_by_role("link", name="Live", exact=True).click()
    live = page.get_by_role("img", name="Live picture of conveyor, filter preview")
    page.wait_for_function("image => image.naturalWidth === 640", arg=live.element_handle())
    assert page.evaluate("window.clicks") == 4
    expect(page.get_by_role("list", name="Objects in the picture")).to_contain_text("part")
    before = live.screenshot()
    page.wait_for_function(
        "([image, before]) => image.src !== before",
        arg=[live.element_handle(), live.get_attribute("src")],
    )
    assert live.screenshot() != before
    expect(page.get_by_text("conveyor is deployed")).to_have_count(0, timeout=PAGE_TIMEOUT_MS)
    assert_accessible(page)
    picture(page, "live-en")


def look_at_pipelines(page: Page) -> None:
    """The pages of pipelines are accessible in both languages; ends on Pipelines in English."""
    page.get_by_role("link", name="Pipelines").click()
    row = page.get_by_role("row").filter(has_text="conveyor")
    expect(row).to_contain_text("Running")
    assert_accessible(page)
    picture(page, "pipelines-en")
    row.get_by_role("link", name="conveyor").click()
    page.wait_for_url(re.compile(r"/pipelines/[0-9a-f]+$"))
    graph = page.get_by_role("region", name="Graph of the pipeline")
    expect(graph).to_contain_text(BOX)
    assert_accessible(page)
    picture(page, "deployment-en")
    switch_language(page, "Language", "中文")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    assert_accessible(page)
    picture(page, "deployment-zh")
    page.get_by_role("link", name="实时画面", exact=True).click()
    expect(page.get_by_role("list", name="画面中的目标")).to_contain_text("part")
    assert_accessible(page)
    picture(page, "live-zh")
    switch_language(page, "语言", "English")
    page.get_by_role("link", name="Pipelines").click()


def look_into_filter_and_node(page: Page) -> None:
    """A filter says how good it is, and its node says what runs there; ends on Pipelines."""
    page.get_by_role("row").filter(has_text="conveyor").get_by_role("link").click()
    filters = page.get_by_role("table", name="Filters")
    filters.get_by_role("button", name="score").click()
    report = page.get_by_role("dialog").get_by_role("region", name="Report")
    expect(report).to_contain_text(re.compile(r"Precision\s*[0-9.]+ %\s*Recall\s*[0-9.]+ %"))
    assert_accessible(page)
    picture(page, "filter-en")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name=BOX, exact=True).click()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("table", name="Runs here")).to_contain_text("belt, count, detect")
    said = drawer.get_by_role("group", name="Logs")
    expect(said).to_contain_text("link up")
    expect(drawer.get_by_role("img", name=re.compile("Processors: .* %"))).to_be_visible()
    expect(drawer.get_by_role("img", name=re.compile("Network: in .* out "))).to_be_visible()
    assert_accessible(page)
    picture(page, "node-en")
    drawer.get_by_role("textbox", name="Find text in the logs").fill("SANDBOX")
    expect(said).not_to_contain_text("link up")
    expect(said).to_contain_text("the sandbox that this machine gives")
    picture(page, "node-logs-en")
    drawer.get_by_role("link", name="conveyor").click()
    expect(page.get_by_role("heading", name="conveyor")).to_be_visible()
    page.get_by_role("link", name="Pipelines").first.click()


def another_project_is_empty(page: Page) -> None:
    """What belongs to one project is not shown in another; ends on Pipelines of the first."""
    page.get_by_role("button", name="switch project").click()
    page.get_by_role("menuitem", name="New project").click()
    page.get_by_role("textbox", name="Name of the project").fill("Line 4")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("link", name="Pipelines", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing is deployed yet")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="switch project").click()
    page.get_by_role("menuitem", name="default", exact=True).click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("link", name="Pipelines", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="conveyor")).to_have_count(1)


def look_at_a_lost_node(page: Page) -> None:
    """The page of a deployment says which node is missed, and what to do."""
    note = page.get_by_role("status").filter(has_text=f"{BOX} does not answer")
    expect(note).to_contain_text("detect", timeout=PAGE_TIMEOUT_MS)
    expect(note.get_by_role("link", name=f"Open {BOX}")).to_be_visible()
    assert_accessible(page)
    picture(page, "node-lost-en")


def stop_and_delete(page: Page) -> None:
    """One deployment is stopped on its page, and two are deleted at once from the list."""
    page.get_by_role("link", name="Pipelines", exact=True).click()
    page.get_by_role("button", name="Deploy conveyor").click()
    page.get_by_role("dialog").get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("heading", name="conveyor 2")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    asked = page.get_by_role("dialog")
    asked.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Deploy again")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Pipelines", exact=True).first.click()
    page.get_by_role("checkbox", name="Select all deployments shown").check()
    bar = page.get_by_role("region", name="Actions for the selected deployments")
    bar.get_by_role("button", name="Delete").click()
    expect(asked).to_contain_text("Delete 2 deployments?")
    assert_accessible(page)
    asked.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing is deployed yet")).to_be_visible()
