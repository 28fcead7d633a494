"""The Tasks page over a hub and two boxes: a program submits, the browser watches and cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.end_to_end import jobs
from tests.end_to_end.conftest import (
    DESK,
    PAGE_TIMEOUT_MS,
    assert_accessible,
    look_around,
    picture,
)
from tests.end_to_end.plants import Plant, a_plant

import cantor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.end_to_end
OPTIONS = ("--code-run", "tenant", "--sandbox", "none", "--workers", "2")
MANY = 230
"""More than the newest that the stream shows."""


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """One box has the belt, the other one submits."""
    with a_plant(tmp_path, {"dock": (*OPTIONS, "--resource", "Belt=1"), "gate": OPTIONS}) as plant:
        yield plant


def test_tasks_are_watched_looked_for_opened_and_cancelled(
    browser_context: BrowserContext, plant: Plant, tmp_path: Path
) -> None:
    page = browser_context.new_page()
    page.set_viewport_size(DESK)
    page.goto(plant.link)
    page.get_by_role("link", name="Tasks", exact=True).click()
    expect(page.get_by_role("heading", name="No tasks yet")).to_be_visible()
    assert_accessible(page)

    with cantor.connect(plant.folder / "gate"):
        go = tmp_path / "go"
        on_belt = cantor.task(needs="Belt = 1")
        runs = on_belt(jobs.inspect_part).submit(str(go))
        waits = on_belt(jobs.inspect_part).submit(str(go))
        fails = cantor.task(jobs.reject_part).submit()
        states = page.get_by_role("group", name="State", exact=True)
        expect(states.get_by_role("button", name="Failed 1")).to_be_visible(timeout=PAGE_TIMEOUT_MS)
        assert isinstance(fails.exception(timeout=30), ValueError)
        expect(states.get_by_role("button", name="Runs 1")).to_be_visible(timeout=PAGE_TIMEOUT_MS)
        see_them_as_they_go(page)
        look_around(page, "tasks", page.get_by_role("heading", name="任务", exact=True))
        see_why_one_failed(page)
        cancel_the_one_that_waits(page)
        assert waits.cancelled()
        watch_one_to_its_end(page, go)
        assert runs.result(timeout=30) == "good"
        find_among_many(page)
    page.close()


def see_them_as_they_go(page: Page) -> None:
    table = page.get_by_role("table", name="Tasks")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table).to_contain_text("dock")
    expect(table).to_contain_text("50 %")


def see_why_one_failed(page: Page) -> None:
    states = page.get_by_role("group", name="State", exact=True)
    states.get_by_role("button", name="Failed 1").press("Enter")
    table = page.get_by_role("table", name="Tasks")
    expect(table.get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="reject_part", exact=True).press("Enter")
    drawer = page.get_by_role("dialog", name="reject_part")
    error = drawer.get_by_role("region", name="Error")
    expect(error.get_by_text("ValueError: no part on the belt", exact=True)).to_be_visible()
    expect(error.get_by_role("group", name="Error")).to_contain_text("in reject_part")
    expect(drawer.get_by_role("table", name="Attempts")).to_contain_text("Failed")
    assert_accessible(page)
    picture(page, "task-failed-en")
    drawer.get_by_role("button", name="Close").click()
    states.get_by_role("button", name="All 3").click()


def cancel_the_one_that_waits(page: Page) -> None:
    states = page.get_by_role("group", name="State", exact=True)
    states.get_by_role("button", name="Waits 1").click()
    expect(page.get_by_role("table", name="Tasks").get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="inspect_part", exact=True).click()
    drawer = page.get_by_role("dialog", name="inspect_part")
    expect(drawer).to_contain_text("Belt")
    drawer.get_by_role("button", name="Cancel the task").press("Enter")
    expect(drawer.get_by_text("Cancelled").first).to_be_visible(timeout=PAGE_TIMEOUT_MS)
    expect(drawer.get_by_role("button", name="Cancel the task")).to_have_count(0)
    drawer.get_by_role("button", name="Close").click()
    states.get_by_role("button", name="Waits 0").click()


def watch_one_to_its_end(page: Page, go: Path) -> None:
    page.get_by_role("group", name="State", exact=True).get_by_role("button", name="Runs 1").click()
    expect(page.get_by_role("table", name="Tasks").get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="inspect_part", exact=True).click()
    drawer = page.get_by_role("dialog", name="inspect_part")
    expect(drawer.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    expect(drawer.get_by_role("group", name="What it printed")).to_contain_text("part 17")
    expect(drawer.get_by_role("table", name="Attempts")).to_contain_text("dock")
    assert_accessible(page)
    picture(page, "task-runs-en")
    go.touch()
    expect(drawer.get_by_text("Done").first).to_be_visible(timeout=PAGE_TIMEOUT_MS)
    drawer.get_by_role("button", name="Close").click()
    page.get_by_role("group", name="State", exact=True).get_by_role("button", name="All 3").click()


def find_among_many(page: Page) -> None:
    """What the stream no longer shows is found by the hub."""
    count = cantor.task(jobs.count_part)
    assert [one.result(timeout=30) for one in [count.submit(n) for n in range(MANY)]]
    states = page.get_by_role("group", name="State", exact=True)
    expect(states.get_by_role("button", name=f"All {MANY + 3}")).to_be_visible()
    rows = page.get_by_role("table", name="Tasks").get_by_role("row")
    expect(rows).to_have_count(201)
    page.get_by_role("textbox", name="Search tasks").fill("reject")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("reject_part")
    page.get_by_role("textbox", name="Search tasks").fill("nobody is called so")
    expect(page.get_by_text("No task is like that.")).to_be_visible()
    page.get_by_role("textbox", name="Search tasks").fill("")
    page.get_by_role("button", name="Show older tasks").click()
    expect(rows).to_have_count(MANY + 4)
    expect(page.get_by_role("button", name="Show older tasks")).to_have_count(0)
