"""The packages import one way, down; the sans-IO cores import nothing that touches the world."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = {
    "cantor": ROOT / "agent" / "cantor",
    "galaxy": ROOT / "agent" / "galaxy",
    "edge_devices": ROOT / "devices" / "edge_devices",
    "edge_hub": ROOT / "hub" / "edge_hub",
    "firmware_bridge": ROOT / "firmware-bridge" / "firmware_bridge",
    "edge_packaging": ROOT / "packaging" / "edge_packaging",
    "hil_rig": ROOT / "hil-tests" / "hil_rig",
}

LAYERS = (
    {"edge_hub", "edge_packaging", "hil_rig"},
    {"galaxy", "firmware_bridge"},
    {"edge_devices"},
    {"cantor"},
)

CORES = (
    "cantor/wire",
    "cantor/mesh",
    "cantor/ledger",
    "cantor/replication",
    "cantor/scheduling",
    "cantor/services",
    "cantor/bundles/fetching",
    "galaxy/placement",
)

WORLD = {
    "aiohttp",
    "asyncio",
    "datetime",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def packages_not_below(package: str) -> set[str]:
    depth = next(index for index, layer in enumerate(LAYERS) if package in layer)
    return set().union(*LAYERS[: depth + 1]) - {package}


@pytest.mark.parametrize("package", sorted(FOLDERS))
def test_a_package_imports_only_packages_below_it(package: str) -> None:
    forbidden = packages_not_below(package)

    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(FOLDERS[package])
        for name in imports(path)
        if name.partition(".")[0] in forbidden
    ]

    assert wrong == []


@pytest.mark.parametrize("core", CORES)
def test_a_core_imports_nothing_that_touches_the_world(core: str) -> None:
    module_or_folder = ROOT / "agent" / core
    paths = [
        *sources(module_or_folder),
        *module_or_folder.parent.glob(f"{module_or_folder.name}.py"),
    ]

    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imports(path)
        if name.partition(".")[0] in WORLD or name.startswith("cantor.transport")
    ]

    assert wrong == []


def test_no_top_folder_is_itself_a_package() -> None:
    tops = {folder.parent for folder in FOLDERS.values()}

    assert [top for top in tops if (top / "__init__.py").exists()] == []
