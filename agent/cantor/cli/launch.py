"""``cantor launch``: becomes a service's program; started by agents, for nobody to type."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(verbs: Verbs) -> None:
    """Add the verb."""
    launch = verbs.add_parser("launch")
    launch.add_argument("words", nargs=argparse.REMAINDER)
    launch.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Become the program."""
    from cantor.workers.launch import main

    return main(options.words)
