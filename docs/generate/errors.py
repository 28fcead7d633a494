"""The page of errors and exit codes, from the one tree of errors."""

from __future__ import annotations

import os
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from docs.generate.markdown import code, first_sentence, page, table

from cantor.base.errors import CantorError

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("cantor", "galaxy", "edge_devices", "firmware_bridge", "edge_hub", "hil_rig")
_DEFINES = re.compile(r"^class \w+Error\(", re.MULTILINE)
FURTHER_CODES = (
    (0, "done"),
    (1, "refused, or the answer is no: each verb says which"),
    (2, "the command line or a file is wrong"),
    (74, "a file or folder cannot be used, where nothing else is said"),
    (130, "interrupted (Ctrl-C)"),
)


def errors() -> str:
    """The page."""
    rows = [(code(kind.__name__), _parent(kind), kind.exit_code, code(kind.__module__),
             first_sentence(kind.__doc__)) for kind in tree()]  # fmt: skip
    return page(
        "Errors and exit codes",
        "Every error that a person sees says what is wrong, where, and what to do about it:"
        " `WHERE: WHAT — REMEDY`. In Python they are one tree under `CantorError`, with the"
        " attributes `what`, `where` and `remedy`.",
        table(("error", "is a", "exit code", "module", "meaning"), rows),
        "## Exit codes without an error",
        table(("exit code", "meaning"), FURTHER_CODES),
        f"The numbers from {os.EX_USAGE} on follow `sysexits.h` where it has a fitting one.",
    )


def tree() -> Iterator[type[CantorError]]:
    """Every error that the project defines, parents first."""
    for module in _modules_with_errors():
        import_module(module)
    waiting = [CantorError]
    while waiting:
        kind = waiting.pop(0)
        yield kind
        waiting += sorted(kind.__subclasses__(), key=lambda below: below.__name__)


def _modules_with_errors() -> Iterator[str]:
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue  # not every package is in every build
        folder = Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            if _DEFINES.search(path.read_text(encoding="utf-8")):
                parts = path.relative_to(folder.parent).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parent(kind: type[CantorError]) -> str:
    return "" if kind is CantorError else code(kind.__mro__[1].__name__)
