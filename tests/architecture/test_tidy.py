"""The habits of this code base: small modules, small functions, documented names, nothing dead."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("agent", "devices", "hub", "firmware-bridge", "packaging", "hil-tests")
SCENARIOS = ROOT / "hil-tests" / "scenarios"
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
ENTRANCES = {
    "cantor.aio": "coroutines of people's programs reach what nodes keep by it",
    "cantor.bundles.requirements": "who submits chooses wheels with it",
    "cantor.metrics": "people's programs count with it",
    "cantor.native": "people build native code with it",
    "cantor.resources": "people's programs advertise what they bring with it",
    "edge_devices.simulated.capture": "code written for OpenCV opens the simulated camera by it",
    "galaxy.builder": "people write pipelines in Python with it",
}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = Function | ast.ClassDef


def is_ours(path: Path) -> bool:
    return not {"node_modules", "static"}.intersection(path.parts)


def code() -> list[Path]:
    found = (path for top in TOPS for path in (ROOT / top).rglob("*.py"))
    return sorted(p for p in found if is_ours(p) and not p.is_relative_to(SCENARIOS))


def checks() -> list[Path]:
    return sorted([*(ROOT / "tests").rglob("*.py"), *SCENARIOS.rglob("*.py")])


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    top = next(top for top in TOPS if path.is_relative_to(ROOT / top))
    parts = path.relative_to(ROOT / top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public_definitions(tree: ast.Module) -> Iterator[Definition]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_"):
            yield node


def project_settings() -> dict[str, Any]:
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return settings


def entry_targets() -> list[str]:
    settings = project_settings()
    groups = [settings["scripts"], *settings["entry-points"].values()]
    return [target for group in groups for target in group.values()]


def mentioned(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"[a-z_]+(?:\.[a-z_0-9]+)+", node.value)


def test_modules_are_short() -> None:
    lengths = {place(path): path.read_text().count("\n") for path in [*code(), *checks()]}

    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES_MAX} == {}


def test_functions_fit_a_screen() -> None:
    long = [
        f"{place(path)}:{node.lineno} {node.name}"
        for path in [*code(), *checks()]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert long == []


def test_nothing_is_left_to_be_done_later() -> None:
    mark = re.compile("TO" + "DO|FIX" + "ME|X{3}\\b")

    marked = [place(path) for path in [*code(), *checks()] if mark.search(path.read_text())]

    assert marked == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [place(path) for path in code() if VAGUE_NAMES.intersection(path.stem.split("_"))]

    assert vague == []


def test_every_module_begins_with_what_it_is() -> None:
    silent = [place(path) for path in code() if not ast.get_docstring(ast.parse(path.read_text()))]

    assert silent == []


def test_every_public_name_is_documented() -> None:
    silent = [
        f"{place(path)}:{node.lineno} {node.name}"
        for path in code()
        for node in public_definitions(ast.parse(path.read_text()))
        if not ast.get_docstring(node)
    ]

    assert silent == []


def test_no_module_is_dead() -> None:
    used = {
        name
        for path in code()
        for name in mentioned(ast.parse(path.read_text()))
        if module_name(path) != name
    }
    used.update(target.partition(":")[0] for target in entry_targets())
    used.update(ENTRANCES)

    dead = [
        place(path)
        for path in code()
        if path.stem not in {"__init__", "__main__", "fake"} and module_name(path) not in used
    ]

    assert dead == []


def test_everything_that_the_package_registers_can_be_loaded() -> None:
    for target in entry_targets():
        module, _, name = target.partition(":")
        loaded = import_module(module)
        assert not name or callable(getattr(loaded, name)), target


def test_the_installation_registers_what_the_package_says() -> None:
    for group, named in project_settings()["entry-points"].items():
        found = {point.name for point in entry_points(group=group)}
        assert set(named) <= found if group == "pytest11" else set(named) == found


def test_every_package_in_the_wheel_exists_and_none_is_forgotten() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    there = [place(path.parent) for top in TOPS for path in (ROOT / top).glob("*/__init__.py")]

    assert sorted(listed) == sorted(there)


@pytest.mark.parametrize(
    "name", ["README.md", "README.zh.md", "CHANGELOG.md", "docs/architecture.md"]
)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    document = ROOT / name

    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())

    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    assert "://" not in lock
    assert "--hash=sha256:" in lock
    entries = [entry for entry in re.split(r"\n(?=\S)", lock) if "==" in entry]
    assert [entry.splitlines()[0] for entry in entries if "--hash=" not in entry] == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    machine = re.compile("/(?:" + "|".join(["work", "root", "Users"]) + ")/")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    kept = {
        ".py",
        ".md",
        ".toml",
        ".yaml",
        ".yml",
        ".json",
        ".ts",
        ".tsx",
        ".css",
        ".html",
        ".lock",
    }

    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    naming = [
        place(path)
        for path in paths
        if path.is_file() and path.suffix in kept and machine.search(path.read_text())
    ]

    assert naming == []
