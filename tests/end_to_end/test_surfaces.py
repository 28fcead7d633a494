"""Every page, drawer and dialog of the console: both languages and colours, small, by keyboard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.end_to_end.conftest import (
    BOX,
    CALL,
    LOOPBACK,
    PAGE_TIMEOUT_MS,
    assert_accessible,
    cantor,
    enrol,
    picture,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.end_to_end

LIVE_AGE_S_MAX = 1.0
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
# The console's own words for what stands in the middle of a surface, so that a test waits for it.
DIALOG = '[role="dialog"]'
AGES = """async ([path, wanted]) => {
  const {body} = await fetch(path);
  const reader = body.getReader(), ages = [];
  let text = "";
  while (ages.length < wanted) {
    text += new TextDecoder("latin1").decode((await reader.read()).value);
    for (let at; (at = /x-captured-at: ([0-9.]+)\\r\\n/i.exec(text)) !== null;) {
      ages.push(Date.now() / 1000 - Number(at[1]));
      text = text.slice(at.index + at[0].length);
    }
  }
  await reader.cancel();
  return ages;
}"""


@dataclass(frozen=True)
class Console:
    """A hub with one box that runs the conveyor, and a browser that is signed in."""

    page: Page
    origin: str
    node: str
    deployment: str

    def show(self, path: str, waits_for: str) -> Page:
        """Go to an address and wait until it is drawn."""
        self.page.goto(self.origin + path)
        expect(self.page.locator(waits_for).first).to_be_visible()
        return self.page

    def surfaces(self) -> Iterator[str]:
        """Open every page, drawer and dialog that has an address, one after the other; its name."""
        one, table = f"/pipelines/{self.deployment}", "main table"
        for name, path, waits_for in (
            ("overview", "/", "main ul li"),
            ("devices", "/devices", table),
            ("add-device", "/devices?add=1", f"{DIALOG} code"),
            ("node", f"/devices?node={self.node}", f"{DIALOG} table"),
            ("wrong-filter", "/devices?filter=GPU+%3D+1", "input[aria-invalid=true]"),
            ("no-match", "/devices?filter=nobody", "main h2"),
            ("mesh", f"/mesh?chosen={self.node}", "canvas[data-drawn]"),
            ("resources", "/resources?needs=CPU+%3D+1", table),
            ("resource", "/resources?open=quantity:CPU", f"{DIALOG} table"),
            ("wrong-needs", "/resources?needs=CPU+%3D", "input[aria-invalid=true]"),
            ("pipelines", "/pipelines", table),
            ("deploy", "/pipelines?template=people", f"{DIALOG} input"),
            ("figures", f"{one}?layer=figures", ".flow-node"),
            ("live-layer", f"{one}?layer=live", ".flow-node"),
            ("design", f"{one}?layer=design", ".flow-node"),
            ("filter", f"{one}?filter=detect", DIALOG),
            ("gone", "/pipelines/0000000000000000", "[role=alert]"),
            ("live", "/live", "figure img[src]"),
            ("live-large", f"/live?open={self.deployment}/preview", DIALOG),
            ("tokens", "/settings?tokens=all", table),
            ("no-page", "/nowhere", "main h1"),
        ):
            self.show(path, waits_for)
            yield name
        self.show("/devices", table).get_by_role("checkbox").nth(1).check()
        yield "bulk"
        self.page.keyboard.press("Control+k")
        expect(self.page.get_by_role("listbox")).to_be_visible()
        yield "palette"
        for button in ("[aria-label^='Notifications'], [aria-label^='通知']", ".scope-button"):
            self.show("/", "main ul li").locator(button).first.click()
            yield button.strip("[].").partition("'")[0]


@pytest.fixture(scope="module")
def console(
    browser_context: BrowserContext, sign_in_link: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """The console of a mesh at work."""
    page, folder = browser_context.new_page(), tmp_path_factory.mktemp("box")
    page.goto(sign_in_link)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    token = page.evaluate(CALL, ["POST", "/enrolment-tokens", {}])
    enrol(token["command"], folder / "data")
    agent = cantor("agent", "--data", str(folder / "data"), "--name", BOX, *LOOPBACK)
    with running(agent, folder / "agent.log", CANTOR_SIMULATED_CAMERA="1"):
        page.get_by_role("link", name="Devices").click()
        row = page.get_by_role("row").filter(has_text=BOX)
        expect(row).to_contain_text("Online", timeout=PAGE_TIMEOUT_MS)
        wish = {"template": "conveyor", "name": "conveyor"}
        made = page.evaluate(CALL, ["POST", "/deployments", wish])
        page.goto(f"{sign_in_link.partition('/sign-in')[0]}/pipelines/{made['id']}")
        expect(page.get_by_role("table", name="Filters")).to_contain_text(BOX)
        nodes = page.evaluate(CALL, ["GET", "/nodes", None])["items"]
        box = next(node["id"] for node in nodes if node["name"] == BOX)
        yield Console(page, sign_in_link.partition("/sign-in")[0], box, made["id"])


def prefer(page: Page, language: str) -> None:
    """What the person chose before, as the browser keeps it."""
    page.evaluate("language => localStorage.setItem('cantor-language', language)", language)


def colour(page: Page, scheme: str) -> None:
    """Choose colours, as another tab of the same person does."""
    page.evaluate(
        "newValue => dispatchEvent(new StorageEvent('storage',"
        " {storageArea: localStorage, key: 'cantor-color-scheme', newValue}))",
        scheme,
    )
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_surface_is_accessible(console: Console, language: str) -> None:
    prefer(console.page, language)

    for name in console.surfaces():
        for scheme in ("light", "dark"):
            colour(console.page, scheme)
            try:
                assert_accessible(console.page)
            except AssertionError as error:
                raise AssertionError(f"{name} in {scheme} colours: {error}") from None
        colour(console.page, "light")
    prefer(console.page, "en")


def test_no_surface_is_wider_than_a_phone(console: Console) -> None:
    console.page.set_viewport_size(PHONE)  # type: ignore[arg-type] # a plain dict is one
    try:
        widths = {
            name: console.page.evaluate("document.documentElement.scrollWidth")
            for name in console.surfaces()
        }
    finally:
        console.page.set_viewport_size(DESK)  # type: ignore[arg-type] # a plain dict is one
    assert {name: width for name, width in widths.items() if width > PHONE["width"]} == {}


def test_the_hub_speaks_chinese_where_the_page_does(console: Console) -> None:
    prefer(console.page, "zh")
    page = console.show("/devices?filter=GPU+%3D+1", "input[aria-invalid=true]")
    expect(page.get_by_text("第 5 个字符：这里是单个 =，比较请用 ==")).to_be_visible()
    page = console.show("/pipelines?template=people", f"{DIALOG} input")
    expect(page.get_by_role("dialog")).to_contain_text("视频文件。")
    prefer(page, "en")


def test_a_picture_in_the_console_is_less_than_a_second_old(console: Console) -> None:
    page = console.show("/", "main ul li")
    path = f"/api/v1/deployments/{console.deployment}/preview/preview"

    ages_s = page.evaluate(AGES, [path, 30])

    assert max(ages_s) < LIVE_AGE_S_MAX, ages_s


def test_each_edge_tells_its_pace_and_its_latency(console: Console) -> None:
    for layer in ("live", "figures"):
        page = console.show(f"/pipelines/{console.deployment}?layer={layer}", ".flow-node")
        labels = page.locator(".flow-label")
        edges = page.locator(".react-flow__edge")
        expect(labels).to_have_count(edges.count())
        for at in range(edges.count()):
            expect(labels.nth(at)).to_contain_text(re.compile(r"[0-9.]+ fps · [0-9.]+ ms"))


def test_the_keyboard_alone_reaches_nodes_filters_and_layers(console: Console) -> None:
    page = console.show("/", "main ul li")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill(BOX[:6])
    option = page.get_by_role("option", name=BOX)
    expect(option).to_be_visible()
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Runs here")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name=BOX, exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page = console.show(f"/pipelines/{console.deployment}", ".flow-node")
    page.get_by_role("button", name="Figures").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Live", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.locator(".flow-node", has_text="detect").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("onnx")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_session_that_ended_says_so_and_goes_on_where_it_was(
    console: Console, browser_context: BrowserContext
) -> None:
    page = console.show("/pipelines", "main table")
    kept = browser_context.cookies()

    browser_context.clear_cookies()
    page.get_by_role("link", name="Devices", exact=True).click()

    # The page that is being left has statuses too: the notice is named by its words.
    ended = page.get_by_role("status").filter(has_text="Your session has ended")
    expect(ended).to_be_visible()
    assert_accessible(page)
    picture(page, "session-ended-en")
    browser_context.add_cookies(kept)  # type: ignore[arg-type] # as the browser gave them
    console.show("/devices", "main table")
