"""``cantor worker``: runs people's functions; started by pools, for nobody to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(verbs: Verbs) -> None:
    """Add the verb."""
    worker = verbs.add_parser("worker")
    worker.add_argument("parent", type=int)
    worker.add_argument("descriptors", type=int, nargs="+")
    worker.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the pool on the socket and memory that it handed over."""
    from cantor.workers.serving import main

    return main(options.parent, *options.descriptors)
