"""Where modules come from, found without importing anything.

A module is of the standard library, of an installed distribution, or of a project: a folder of the
person who submits. Only the last travels as source.
"""

from __future__ import annotations

import ast
import importlib.metadata
import pkgutil
import site
import sys
import sysconfig
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import NotShippable
from cantor.bundles.code import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec

MAIN = "__main__"
OURS = frozenset(
    {
        "cantor",
        "cloudpickle",
        "edge_devices",
        "edge_hub",
        "edge_packaging",
        "firmware_bridge",
        "galaxy",
        "hil_rig",
        "xlang",
    }
)
"""What every node has already, in its own version."""
_SOURCE_SUFFIX = ".py"


@dataclass(slots=True)
class Gathered:
    """Modules of projects by name, and the distributions that they import (``numpy==2.4.6``)."""

    sources: dict[str, Source] = field(default_factory=dict)
    requirements: set[str] = field(default_factory=set)


def gather(names: set[str]) -> Gathered:
    """These modules and all that they import, as far as they are of projects.

    Raises:
        NotShippable: a module of a project has no source.
    """
    found = Gathered()
    waiting = sorted(names)
    seen = set(waiting)
    while waiting:
        for name in _take(waiting.pop(), found):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return found


def is_of_project(name: str) -> bool:
    """Whether a module would travel as source."""
    spec = find(name)
    return spec is not None and _home(name, spec) == ""


def find(name: str) -> ModuleSpec | None:
    """How a module would be imported, found without importing; None if there is no such module."""
    path: Any = None
    known: ModuleSpec | None = None
    steps = name.split(".")
    for count in range(1, len(steps) + 1):
        step = ".".join(steps[:count])
        loaded = sys.modules.get(step)
        known = getattr(loaded, "__spec__", None) or _look_for(step, path)
        if known is None:
            return None
        path = known.submodule_search_locations
        if path is None and count < len(steps):
            return None
    return known


def _look_for(name: str, path: Any) -> ModuleSpec | None:  # noqa: ANN401 (as finders take it)
    for finder in sys.meta_path:
        try:
            found = finder.find_spec(name, path)
        except KeyError:
            found = _portion(name, path)
        except (ImportError, AttributeError, ValueError):
            continue
        if found is not None:
            return found
    return None


def _portion(name: str, path: Any) -> ModuleSpec | None:  # noqa: ANN401 (as above)
    """What lies in a package without ``__init__.py`` that is not imported: finders want it so."""
    importers = (pkgutil.get_importer(entry) for entry in path or ())
    specs = (importer.find_spec(name) for importer in importers if importer is not None)
    return next((spec for spec in specs if spec is not None), None)


def _take(name: str, found: Gathered) -> Iterator[str]:
    """Put one module where it belongs; the modules that it imports."""
    if name == MAIN:
        source = _main_source()
    else:
        spec = find(name)
        if spec is None:
            return
        home = _home(name, spec)
        if home != "":
            found.requirements.update(_requirements(home, spec))
            return
        source = _source(name, spec)
    found.sources[name] = source
    if "." in name:
        yield name.rpartition(".")[0]
    yield from imported_by(source.text, source.package)


def _source(name: str, spec: ModuleSpec) -> Source:
    parts = name.split(".")
    if spec.origin is None:  # a package without __init__.py
        return Source("/".join((*parts, "__init__.py")), "", is_package=True, package=name)
    is_package = spec.submodule_search_locations is not None
    path = "/".join((*parts, "__init__.py")) if is_package else "/".join(parts) + _SOURCE_SUFFIX
    if not spec.origin.endswith(_SOURCE_SUFFIX):
        raise NotShippable(
            f"the module {name} has no Python source",
            where=spec.origin,
            remedy="build a wheel of it, install that, and name it among the requirements",
        )
    package = name if is_package else name.rpartition(".")[0]
    return Source(path, _text(name, Path(spec.origin)), is_package, package)


def _main_source() -> Source:
    main = sys.modules[MAIN]
    path = Path(main_file())
    return Source(path.name, _text(MAIN, path), package=getattr(main, "__package__", None) or "")


def main_file() -> str:
    """The script that runs; "" in a notebook or at a prompt."""
    file = getattr(sys.modules[MAIN], "__file__", None) or ""
    return file if file.endswith(_SOURCE_SUFFIX) and Path(file).is_file() else ""


def is_in_main_block(line: int) -> bool:
    """Whether a line of the script runs only under ``__name__ == "__main__"``: not in workers."""
    tree = ast.parse(_text(MAIN, Path(main_file())))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and _is_for_main(node.test)]
    return any(block.lineno <= line <= (block.end_lineno or line) for block in blocks)


def _is_for_main(test: ast.expr) -> bool:
    return "__name__" in {getattr(node, "id", "") for node in ast.walk(test)}


def _text(name: str, path: Path) -> str:
    import tokenize

    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeError) as error:
        raise NotShippable(
            f"the source of {name} cannot be read: {error}",
            where=str(path),
            remedy="mend the file, or run from where it is",
        ) from error


def _home(name: str, spec: ModuleSpec) -> str | None:
    """None if every node has the module, a distribution's folder, "" if it is of a project."""
    if name.partition(".")[0] in OURS or spec.origin in {"built-in", "frozen"}:
        return None
    places = list(spec.submodule_search_locations or ()) if spec.origin is None else [spec.origin]
    for place in places:
        for folder in _installed_folders():
            if place.startswith(folder):
                return folder
        if place.startswith(_standard_folders()):
            return None
    return "" if places else None


@cache
def _installed_folders() -> tuple[str, ...]:
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    paths.add(site.getusersitepackages())
    paths.update(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))
    return tuple(str(Path(path)) + "/" for path in sorted(paths))


@cache
def _standard_folders() -> tuple[str, ...]:
    paths = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    return tuple(str(Path(path)) + "/" for path in sorted(paths))


def _requirements(home: str | None, spec: ModuleSpec) -> Iterator[str]:
    """The distributions that bring an installed module, with their versions."""
    if home is None:
        return
    for name in sorted(set(_distributions().get(spec.name.partition(".")[0], ()))):
        yield f"{name}=={importlib.metadata.version(name)}"


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def imported_by(text: str, package: str) -> Iterator[str]:
    """The names of the modules that a source may import, of its own package or others.

    Names that turn out to be no modules (``from shop import VERSION``) are among them. What is
    imported for type checkers only is not.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return  # it says so itself when it is run
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            yield from _from_names(node, package)
        elif isinstance(node, ast.If) and _is_for_types(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _from_names(node: ast.ImportFrom, package: str) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        steps = package.split(".") if package else []
        kept = steps[: len(steps) - node.level + 1]
        base = ".".join([*kept, base] if base else kept)
    if not base:
        return
    yield base
    yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _is_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"
