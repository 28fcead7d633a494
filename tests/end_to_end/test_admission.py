"""Who may come in, decided in the browser: tokens revoked, nodes approved, denied and allowed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.end_to_end.conftest import CALL, assert_accessible, picture, switch_language

if TYPE_CHECKING:
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
