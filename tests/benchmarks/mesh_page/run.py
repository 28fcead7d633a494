"""How smooth the console's Mesh page is: frames per second while a person pans, zooms and drags.

The real page in headless Chromium without a graphics card, over made-up meshes of several sizes.

    SIZES=100:200,500:1000,1000:2000 python tests/benchmarks/mesh_page/run.py
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import Page, async_playwright
from stub_hub import made_mesh, served  # type: ignore[import-not-found] # beside this file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "mesh_page.json"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
FPS_MIN = 30.0
GESTURE_S = 3.0
ROUNDS = 3
MEASURED_NODES = 500
WINDOW = {"width": 1440, "height": 900}
_COUNT = """() => {
  window.frames_at = [];
  const note = (now) => {
    window.frames_at.push(now);
    window.counting = requestAnimationFrame(note);
  };
  window.counting = requestAnimationFrame(note);
}"""
_TAKE = "() => { cancelAnimationFrame(window.counting); return window.frames_at; }"
_SETTLED = """() => new Promise((done) => {
  const canvas = document.querySelector('.mesh-graph canvas');
  let before = '';
  const look = setInterval(() => {
    if (canvas.dataset.drawn === before) { clearInterval(look); done(); }
    before = canvas.dataset.drawn;
  }, 250);
})"""


async def frames(page: Page, gesture: Callable[[Page, float], Awaitable[None]]) -> list[float]:
    """The times between frames in ms while a gesture lasts."""
    await page.evaluate(_COUNT)
    await gesture(page, time.monotonic() + GESTURE_S)
    at = await page.evaluate(_TAKE)
    return [later - earlier for earlier, later in itertools.pairwise(at)]


async def corner(page: Page) -> tuple[float, float]:
    """A point of the graph without a node: near its lower left corner."""
    box = await page.locator(".mesh-graph").bounding_box()
    assert box is not None
    return box["x"] + 30, box["y"] + box["height"] - 30


async def pan(page: Page, until_s: float) -> None:
    """Press and move to and fro."""
    x, y = await corner(page)
    await page.mouse.move(x, y)
    await page.mouse.down()
    step = 0
    while time.monotonic() < until_s:
        step += 1
        await page.mouse.move(x + 8 * (step % 40), y - 5 * (step % 40))
    await page.mouse.up()


async def zoom(page: Page, until_s: float) -> None:
    """Turn the wheel in and out."""
    x, y = await corner(page)
    await page.mouse.move(x + 400, y - 250)
    step = 0
    while time.monotonic() < until_s:
        step += 1
        await page.mouse.wheel(0, -60 if step % 20 < 10 else 60)


async def measure(page: Page, url: str, nodes: int) -> dict[str, float]:
    """Open the page anew and do every gesture once."""
    begun_s = time.monotonic()
    await page.goto(f"{url}/mesh")
    await page.locator(".mesh-graph canvas[data-drawn]").wait_for()
    first_s = time.monotonic() - begun_s
    await page.evaluate(_SETTLED)
    await page.locator(".mesh-graph").focus()
    found = {"nodes": float(nodes), "first_drawing_s": first_s}
    for name, gesture in (("pan", pan), ("zoom", zoom)):
        gaps = await frames(page, gesture)
        found[f"{name}_fps"] = 1000 * len(gaps) / sum(gaps)
        found[f"{name}_p95_ms"] = statistics.quantiles(gaps, n=20)[18]
    return found


async def run_sizes(sizes: list[tuple[int, int]]) -> list[dict[str, float]]:
    """The medians of all rounds, by size."""
    results: list[dict[str, float]] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS
        )
        for nodes, links in sizes:
            async with served(made_mesh(nodes, links)) as url:
                rounds = []
                for _ in range(ROUNDS):
                    context = await browser.new_context(viewport=WINDOW, locale="en-US")  # type: ignore[arg-type]
                    rounds.append(await measure(await context.new_page(), url, nodes))
                    await context.close()
            results.append({key: statistics.median(r[key] for r in rounds) for key in rounds[0]})
        await browser.close()
    return results


def main() -> None:
    """Measure, print a table and write JSON."""
    text = os.environ.get("SIZES", "100:200,500:1000,1000:2000")
    sizes = [(int(n), int(m)) for n, _, m in (size.partition(":") for size in text.split(","))]
    results = asyncio.run(run_sizes(sizes))
    print("| nodes | first drawing | pan, fps (p95 ms) | zoom, fps (p95 ms) |\n|---|---|---|---|")
    for row in results:
        print(
            f"| {row['nodes']:.0f} | {row['first_drawing_s']:.2f} s"
            f" | {row['pan_fps']:.0f} ({row['pan_p95_ms']:.1f})"
            f" | {row['zoom_fps']:.0f} ({row['zoom_p95_ms']:.1f}) |"
        )
    told = [
        {
            "measure": f"{gesture} of {row['nodes']:.0f} nodes",
            "unit": "frames per second",
            "better": "higher",
            "ours": round(row[f"{gesture}_fps"], 1),
            "peers": {},
            "target": FPS_MIN,
            "met": row[f"{gesture}_fps"] >= FPS_MIN,
        }
        for row in results
        for gesture in ("pan", "zoom")
        if row["nodes"] <= MEASURED_NODES
    ]
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
