"""A browser, a hub and its boxes, as real processes, for the tests of the console."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, ViewportSize

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "hub" / "edge_hub" / "static" / "index.html"
AXE = ROOT / "hub" / "studio" / "node_modules" / "axe-core" / "axe.min.js"
DESK: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 420, "height": 900}
SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_TIMEOUT_S = 60.0
PAGE_TIMEOUT_MS = 60_000.0
BOX = "dock-camera-7"
CALL = """async ([method, path, body]) => {
  const headers = {"X-Cantor-Request": "1", "Content-Type": "application/json"};
  const sent = body === null ? undefined : JSON.stringify(body);
  return await (await fetch("/api/v1" + path, {method, headers, body: sent})).json();
}"""
"""Calls the API as the page does: method, path and body, or null for none."""
LOOPBACK = ["--listen", "127.0.0.1:0", "--interface", "127.0.0.1"]


def cantor(*arguments: str) -> list[str]:
    """A command line that starts this checkout's ``cantor``."""
    return [sys.executable, "-m", "cantor.cli.main", *arguments]


@contextmanager
def running(command: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed by its id at the end, whatever the test did."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | variables,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def printed(process: subprocess.Popen[bytes], pattern: str, log: Path) -> str:
    """The first match of ``pattern`` in what a process prints."""
    assert process.stdout is not None
    text = ""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while (found := re.search(pattern, text)) is None:
        left_s = max(0.0, deadline_s - time.monotonic())
        ready, _, _ = select.select([process.stdout], [], [], left_s)
        piece = os.read(process.stdout.fileno(), 65536) if ready else b""
        assert piece, f"no {pattern!r} in {text!r}; errors: {log.read_text()}"
        text += piece.decode()
    return found[0]


@pytest.fixture(scope="module")
def browser_context() -> Iterator[BrowserContext]:
    """Chromium with an English, motionless profile and axe-core in every page."""
    if CHROMIUM is None:
        pytest.skip("no chromium: sudo apt-get install -y chromium")
    if not CONSOLE.exists():
        pytest.skip("the console is not built: make console")
    if not AXE.exists():
        pytest.skip("no axe-core: cd hub/studio && npm ci")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        context = browser.new_context(
            locale="en-US",
            viewport={"width": 1280, "height": 800},
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        expect.set_options(timeout=PAGE_TIMEOUT_MS)
        context.add_init_script(path=AXE)
        yield context
        browser.close()


@pytest.fixture(scope="module")
def sign_in_link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The one-time link of a hub that runs in its own folder on free loopback ports."""
    folder = tmp_path_factory.mktemp("hub")
    ports = ["--console", "127.0.0.1:0", "--enrol", "127.0.0.1:0", *LOOPBACK]
    command = cantor("hub", "--data", str(folder / "data"), "--mesh", "plant", *ports)
    log = folder / "hub.log"
    with running(command, log) as hub:
        yield printed(hub, r"http://\S+#ticket=\S+(?=\n)", log)


def assert_accessible(page: Page) -> None:
    """Axe-core finds nothing on the page as it is shown."""
    found = page.evaluate("async () => (await axe.run({resultTypes: ['violations']})).violations")
    told = [
        (rule["id"], node["html"], node["failureSummary"])
        for rule in found
        for node in rule["nodes"]
    ]
    assert not told, json.dumps(told, indent=1)


def picture(page: Page, name: str) -> None:
    """Keep a screenshot for people to look at."""
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def look_around(page: Page, name: str, chinese: Locator) -> None:
    """Wide and narrow, in both languages, light and dark; ends wide, light and in English.

    ``chinese`` is what is to be seen in 中文; pictures bear ``name``.
    """
    assert_accessible(page)
    picture(page, f"{name}-en")
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(page)
    picture(page, f"{name}-narrow-en")
    page.set_viewport_size(DESK)
    switch_language(page, "Language", "中文")
    expect(chinese).to_be_visible()
    page.get_by_role("button", name="切换到深色").click()
    assert_accessible(page)
    picture(page, f"{name}-dark-zh")
    page.get_by_role("button", name="切换到浅色").click()
    switch_language(page, "语言", "English")


def switch_language(page: Page, button: str, language: str) -> None:
    """Choose a language as a person does."""
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("menuitem", name=language).click()
    expect(page.get_by_role("menuitem")).to_have_count(0)


def enrol(line: str, folder: Path) -> None:
    """Run the line that the page showed, on a box with its own folder."""
    program, *arguments = shlex.split(line)
    assert program == "cantor"
    subprocess.run(
        cantor(*arguments, "--data", str(folder), "--name", BOX),
        check=True,
        capture_output=True,
        timeout=START_TIMEOUT_S,
    )
