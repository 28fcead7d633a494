"""How smooth the console's Mesh page is: drawings per second while a person pans and zooms.

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

from playwright.async_api import Page, async_playwright
from stub_hub import made_mesh, served  # type: ignore[import-not-found] # beside this file

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "mesh_page.json"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
FPS_MIN = 30.0
GESTURE_S = 3.0
ROUNDS = 3
MEASURED_NODES = 500
WINDOW = {"width": 1440, "height": 900}
_DRIVE = """([kind, x, y, lasts]) => new Promise((done) => {
  const graph = document.querySelector('.mesh-graph');
  const canvas = graph.querySelector('canvas');
  const drawings = () => Number(canvas.dataset.drawn);
  const before = drawings(), frames = [];
  const turn = (now) => {
    frames.push(now);
    const step = frames.length;
    if (kind === 'pan') {
      const at = {clientX: x + 8 * (step % 40), clientY: y - 5 * (step % 40)};
      const mouse = {pointerId: 1, pointerType: 'mouse', bubbles: true};
      graph.dispatchEvent(new PointerEvent('pointermove', {...at, ...mouse}));
    } else {
      const wheel = {deltaY: step % 20 < 10 ? -60 : 60, clientX: x, clientY: y, cancelable: true};
      graph.dispatchEvent(new WheelEvent('wheel', {...wheel, bubbles: true}));
    }
    if (now - frames[0] < lasts) requestAnimationFrame(turn);
    else done([drawings() - before, frames]);
  };
  requestAnimationFrame(turn);
})"""
_SETTLED = """() => new Promise((done) => {
  const canvas = document.querySelector('.mesh-graph canvas');
  let before = '';
  const look = setInterval(() => {
    if (canvas.dataset.drawn === before) { clearInterval(look); done(); }
    before = canvas.dataset.drawn;
  }, 250);
})"""


async def corner(page: Page) -> tuple[float, float]:
    """A point of the graph without a node: near its lower left corner."""
    box = await page.locator(".mesh-graph").bounding_box()
    assert box is not None
    return box["x"] + 30, box["y"] + box["height"] - 30


async def drive(page: Page, kind: str) -> tuple[float, float]:
    """Move in every frame for a while.

    Returns:
        How often a second the graph was drawn, and the 95th of 100 times between frames, in ms.
    """
    x, y = await corner(page)
    await page.mouse.move(x, y)
    if kind == "pan":
        await page.mouse.down()
    drawn, at = await page.evaluate(_DRIVE, [kind, x, y, 1000 * GESTURE_S])
    await page.mouse.up()
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    return 1000 * drawn / (at[-1] - at[0]), statistics.quantiles(gaps, n=20)[18]


async def measure(page: Page, url: str, nodes: int) -> dict[str, float]:
    """Open the page anew and do every gesture once."""
    begun_s = time.monotonic()
    await page.goto(f"{url}/mesh")
    await page.locator(".mesh-graph canvas[data-drawn]").wait_for()
    first_s = time.monotonic() - begun_s
    await page.evaluate(_SETTLED)
    await page.locator(".mesh-graph").focus()
    found = {"nodes": float(nodes), "first_drawing_s": first_s}
    for kind in ("pan", "zoom"):
        found[f"{kind}_fps"], found[f"{kind}_p95_ms"] = await drive(page, kind)
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
