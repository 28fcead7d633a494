"""Who may come in, decided in the browser: tokens revoked, nodes approved, denied and allowed."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.end_to_end.conftest import (
    CALL,
    PAGE_TIMEOUT_MS,
    START_TIMEOUT_S,
    assert_accessible,
    cantor,
    picture,
    switch_language,
)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Locator, Page

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def page(browser_context: BrowserContext, sign_in_link: str) -> Page:
    """The page of a person who is signed in."""
    page = browser_context.new_page()
    page.goto(sign_in_link)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


def new_token(page: Page, **wish: object) -> dict[str, str]:
    made: dict[str, str] = page.evaluate(CALL, ["POST", "/enrolment-tokens", wish])
    return made


def confirm(page: Page, button: str) -> None:
    """Read what the dialog says, and agree."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert_accessible(page)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_have_count(0)


def row_of(page: Page, table: str, text: str) -> Locator:
    return page.get_by_role("table", name=table).get_by_role("row").filter(has_text=text)


def test_tokens_are_listed_without_their_secret_and_revoked(page: Page) -> None:
    north = new_token(page, labels={"site": "north"}, max_uses=3)
    others = [new_token(page, approval="manual")["id"] for _ in range(2)]
    page.get_by_role("link", name="Settings").click()
    row = row_of(page, "Enrolment tokens", north["id"])
    expect(row).to_contain_text("site=north")
    expect(row).to_contain_text(re.compile("0 of 3.*in .*by owner"))
    assert north["token"] not in page.content()
    assert_accessible(page)
    picture(page, "settings-en")

    row.get_by_role("button", name=f"Revoke the token {north['id']}").click()
    confirm(page, "Revoke")
    expect(row).to_have_count(0)
    page.get_by_role("checkbox", name="Select all usable tokens shown").check()
    bar = page.get_by_role("region", name="Actions for the selected tokens")
    bar.get_by_role("button", name="Revoke").click()
    confirm(page, "Revoke")

    expect(page.get_by_role("heading", name="No token can be used now")).to_be_visible()
    assert_accessible(page)
    page.get_by_text("All", exact=True).click()
    for token in (north["id"], *others):
        expect(row_of(page, "Enrolment tokens", token)).to_contain_text("Revoked")
    switch_language(page, "Language", "中文")
    expect(page.get_by_role("heading", name="注册令牌")).to_be_visible()
    assert_accessible(page)
    picture(page, "settings-zh")
    switch_language(page, "语言", "English")


def knock(token: str, folder: Path, name: str) -> int:
    """A box asks to be let in, and does not wait; its exit code."""
    command = cantor("enroll", token, "--data", str(folder), "--name", name, "--no-wait")
    return subprocess.run(command, capture_output=True, timeout=START_TIMEOUT_S).returncode


def test_a_waiting_node_is_approved_and_a_denied_one_allowed_again(
    page: Page, tmp_path: Path
) -> None:
    token = new_token(page, approval="manual", max_uses=2)["token"]
    for name in ("press-4", "press-5"):
        assert knock(token, tmp_path / name, name) == os.EX_NOPERM
    page.get_by_role("link", name="Devices").click()
    first, second = (row_of(page, "Nodes", name) for name in ("press-4", "press-5"))
    expect(first).to_contain_text("Waiting for approval", timeout=PAGE_TIMEOUT_MS)

    first.get_by_role("button", name="press-4").click()
    drawer = page.get_by_role("dialog", name="press-4")
    drawer.get_by_role("button", name="Approve").click()
    asked = page.get_by_role("dialog", name="Approve 1 node?")
    expect(asked).to_contain_text("press-4")
    assert_accessible(page)
    picture(page, "approve-en")
    asked.get_by_role("button", name="Approve").click()
    expect(drawer).to_contain_text("Offline")
    assert knock(token, tmp_path / "press-4", "press-4") == 0
    drawer.get_by_role("button", name="Deny").click()
    page.get_by_role("dialog", name="Deny 1 node?").get_by_role("button", name="Deny").click()
    expect(drawer).to_contain_text("Denied")
    drawer.get_by_role("button", name="Allow").click()
    page.get_by_role("dialog", name="Allow 1 node again?").get_by_role(
        "button", name="Allow"
    ).click()
    expect(drawer).to_contain_text("Offline")
    drawer.get_by_role("button", name="Close").click()

    page.get_by_role("checkbox", name="Select press-4").check()
    page.get_by_role("checkbox", name="Select press-5").check()
    bar = page.get_by_role("region", name="Actions for the selected nodes")
    expect(bar.get_by_role("button", name="Allow")).to_be_disabled()
    bar.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("dialog")).to_contain_text("press-5")
    expect(page.get_by_role("dialog")).not_to_contain_text("press-4")
    confirm(page, "Approve")
    expect(second).to_contain_text("Offline")
    for button, state in (("Deny", "Denied"), ("Allow", "Offline")):
        page.get_by_role("checkbox", name="Select press-4").check()
        page.get_by_role("checkbox", name="Select press-5").check()
        bar.get_by_role("button", name=button).click()
        confirm(page, button)
        for row in (first, second):
            expect(row).to_contain_text(state)
