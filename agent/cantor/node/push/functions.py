"""The functions of a pushed task: as code that workers take, and the check that they are there;
and that the modules of a pushed filter are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.bundles.code import CODE_BYTES_MAX, Code, Source
from cantor.services.manifest import FILE_NAME, TASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.bundles.tree import File
    from cantor.services.manifest import Kind, Manifest

PYTHON = "3.11"
"""The oldest that runs tasks: nodes of every version have to give the same function one hash."""
_CHECK = """
import importlib, sys
for one in sys.argv[1:]:
    module, _, name = one.partition(":")
    found = getattr(importlib.import_module(module), name, None)
    if not callable(found):
        sys.exit(f"{module} has no function {name}")
"""
_INIT = "/__init__.py"


def condition_of(name: str, kind: Kind = TASK) -> str:
    """The condition of the nodes that have a task or a filter; its value is the number of the
    revision.
    """
    return f"{kind.capitalize()}.{name}"


def check_of(manifest: Manifest) -> tuple[str, ...]:
    """The command that imports the functions of a task, and fails if it cannot."""
    return ("python", "-c", _CHECK, *manifest.functions)


def codes_in(files: Mapping[str, File], manifest: Manifest) -> dict[str, Code]:
    """The functions of a task by name; none of others. All nodes make the same of the same.

    Raises:
        ConfigError: a module that it names is not there, or one is no text, or they are too large.
    """
    named = (*manifest.functions, *manifest.filters)
    if not named:
        return {}
    sources = dict(_source(path, file) for path, file in files.items() if _is_module(path))
    for one in named:
        module = one.partition(":")[0]
        if module not in sources:
            raise ConfigError(
                f"{manifest.kind}: there is no module {module}",
                where=FILE_NAME,
                remedy=f"put {module.replace('.', '/')}.py into the folder",
            )
    codes = {}
    for one in manifest.functions:
        module, _, name = one.partition(":")
        code = codes[name] = Code(module, name, PYTHON, sources)
        if len(code.data) > CODE_BYTES_MAX:
            raise ConfigError("the modules of the task are too large", where=FILE_NAME)
    return codes


def _is_module(path: str) -> bool:
    steps = path.removesuffix(".py").split("/")
    return path.endswith(".py") and all(step.isidentifier() for step in steps)


def _source(path: str, file: File) -> tuple[str, Source]:
    is_package = f"/{path}".endswith(_INIT)
    dotted = path.removesuffix(_INIT if is_package else ".py").replace("/", ".")
    try:
        return dotted, Source(path, file.content.decode(), is_package)
    except UnicodeDecodeError as error:
        raise ConfigError("is no text in UTF-8", where=path) from error
