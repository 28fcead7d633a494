"""The mesh policy over a hub and two boxes, all real processes: seen, changed and refused."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from tests.end_to_end.conftest import (
    DESK,
    NARROW,
    PAGE_TIMEOUT_MS,
    START_TIMEOUT_S,
    assert_accessible,
    cantor,
    look_around,
    picture,
)
from tests.end_to_end.plants import Plant, a_plant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.end_to_end


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with a_plant(tmp_path, {"dock": (), "gate": ()}) as plant:
        yield plant


def told_by(folder: Path, *options: str) -> dict[str, object]:
    """What ``cantor mesh policy`` says at the agent of a folder."""
    asked = cantor("mesh", "policy", *options, "--data", str(folder), "--json")
    answer = subprocess.run(
        asked, check=True, capture_output=True, text=True, timeout=START_TIMEOUT_S
    )
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def test_the_policy_is_seen_changed_and_refused_where_it_changed_meanwhile(
    browser_context: BrowserContext, plant: Plant
) -> None:
    page = browser_context.new_page()
    page.set_viewport_size(DESK)
    page.goto(plant.link)
    page.get_by_role("link", name="Mesh", exact=True).click()
    page.get_by_role("link", name="Mesh policy").click()
    section = page.get_by_role("region", name="Mesh policy")
    expect(section).to_contain_text("35 days")
    expect(section).to_contain_text("Nobody has decided anything yet")
    expect(section).to_contain_text("3 of 3 nodes have it", timeout=PAGE_TIMEOUT_MS)
    look_around(page, "policy", page.get_by_text("3 / 3 个节点已有此策略"))
    expect(section).to_be_visible()

    change(page, section, "7")
    expect(section).to_contain_text("7 days")
    expect(section).to_contain_text("by owner · signed by hub")
    expect(section).to_contain_text("3 of 3 nodes have it", timeout=PAGE_TIMEOUT_MS)
    told = told_by(plant.folder / "dock")
    assert (told["stale_days"], told["revision"], told["by"]) == (7, 1, "owner")

    plant.boxes["gate"].kill()
    row = section.get_by_role("row").filter(has_text="gate")
    expect(row).to_contain_text("Offline", timeout=PAGE_TIMEOUT_MS)
    refused_when_late(page, section, plant)
    expect(section).to_contain_text("9 days")
    expect(section).to_contain_text("2 of 3 nodes have it", timeout=PAGE_TIMEOUT_MS)
    expect(row).to_contain_text("An earlier one")
    assert_accessible(page)
    picture(page, "policy-en")
    what_happened(page)
    page.close()


def change(page: Page, section: Locator, days: str) -> None:
    """A mistake is said at the field; nothing is signed before the difference was shown."""
    section.get_by_role("button", name="Change").press("Enter")
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_role("textbox", name="Work without an issuer")
    field.fill("0")
    expect(dialog.get_by_role("alert")).to_have_text(re.compile("whole number of days from 1"))
    expect(dialog.get_by_role("button", name="Review")).to_be_disabled()
    assert_accessible(page)
    picture(page, "policy-wrong-en")
    field.fill(days)
    field.press("Enter")
    difference = dialog.get_by_role("table", name="What changes")
    expect(difference.locator("del")).to_have_text("35 days (default)")
    expect(difference.locator("ins")).to_have_text(f"{days} days")
    assert_accessible(page)
    picture(page, "policy-review-en")
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    page.set_viewport_size(DESK)
    dialog.get_by_role("button", name="Sign for all nodes").click()
    expect(dialog).to_have_count(0, timeout=PAGE_TIMEOUT_MS)
    expect(page.get_by_text(f"Signed: nodes work on for {days} days")).to_be_visible()
    page.get_by_role("button", name="Close", exact=True).click()


def refused_when_late(page: Page, section: Locator, plant: Plant) -> None:
    """Somebody else decides while the dialog is open: nothing is overwritten unseen."""
    section.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Work without an issuer").fill("5")
    dialog.get_by_role("button", name="Review").click()
    told = told_by(plant.folder / "hub" / "node", "--stale-days", "9")
    assert (told["stale_days"], told["revision"]) == (9, 2)
    dialog.get_by_role("button", name="Sign for all nodes").click()
    expect(dialog.get_by_role("alert")).to_contain_text("changed meanwhile")
    assert_accessible(page)
    picture(page, "policy-refused-en")
    dialog.get_by_role("button", name="Look again").click()
    expect(dialog).to_have_count(0)


def what_happened(page: Page) -> None:
    page.get_by_role("link", name="Overview", exact=True).click()
    by_owner = "owner changed the mesh policy: nodes that no issuer confirms work on for 7 days"
    expect(page.get_by_text(f"{by_owner}, not 35")).to_be_visible()
    expect(page.get_by_text(re.compile(r"local:\w+ changed the mesh policy"))).to_be_visible()
