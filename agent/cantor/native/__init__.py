"""Cantor for native code: ``cantor.h`` and ``cantor.c``, as C11 or C++11; nothing else to link."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """Where the two files are, for the command line of a compiler.

    gcc -I "$(python -c 'import cantor.native; print(cantor.native.folder())')" ...
    """
    return Path(__file__).parent
