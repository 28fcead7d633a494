"""Opens the classes of a pushed filter: run by an agent in a process of its own, closed in.

    python -m galaxy.opening FILE MODULE:CLASS...

It writes into FILE what the classes tell of themselves, or why they cannot be opened; the trace of
an error goes to standard error, which are the lines of the push.
"""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from galaxy.described import described, types_in
from galaxy.filter import BaseFilter

WHY_MAX = 350


def main(words: list[str]) -> int:
    """Open the classes; the exit code is 1 if one cannot be."""
    place, *classes = words
    try:
        told = json.dumps({"filters": [described(*opened(one)) for one in classes]}).encode()
        types_in(told)
    except BaseException as error:  # noqa: BLE001 (an import may raise anything, SystemExit too)
        traceback.print_exc()
        Path(place).write_text(json.dumps({"error": why(error)}), encoding="utf-8")
        return 1
    Path(place).write_bytes(told)
    return 0


def opened(one: str) -> tuple[str, type[BaseFilter]]:
    """The name and the class of ``module:Class``.

    Raises:
        TypeError: it is no filter.
        ModuleNotFoundError: it says that it imports what is not there.
    """
    module, _, name = one.partition(":")
    found = getattr(import_module(module), name, None)
    if not (isinstance(found, type) and issubclass(found, BaseFilter)):
        message = f"{module} has no class {name}" if found is None else f"{one} is no BaseFilter"
        raise TypeError(message)
    if inspect.isabstract(found):
        message = f"{one} does not define {', '.join(sorted(found.__abstractmethods__))}"
        raise TypeError(message)
    missing = [needed for needed in found.modules if find_spec(needed) is None]
    if missing:
        message = f"{one} needs {', '.join(missing)}: name it in requirements"
        raise ModuleNotFoundError(message)
    return name, found


def why(error: BaseException) -> str:
    """What went wrong, and in which line of the push."""
    here = Path.cwd()
    lines = [
        f"{Path(frame.filename).relative_to(here)}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(here)
    ]
    what = str(error) or "no more is said"
    text = f"{type(error).__name__}: {what}"[:WHY_MAX]
    return f"{text} ({lines[-1]})" if lines else text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
