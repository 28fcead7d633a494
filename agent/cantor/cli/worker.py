"""``cantor worker``: runs people's functions; started by pools, for nobody to type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(verbs: Verbs) -> None:
    """Add the verb."""
    worker = verbs.add_parser("worker")
    worker.add_argument("parent", type=int)
    worker.add_argument("descriptors", type=int, nargs="*")
    worker.add_argument("--sandbox", default="")
    worker.add_argument("--trial", action="store_true")
    worker.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the pool on the socket and memory that it handed over, in a sandbox if it says so."""
    number = None
    if options.sandbox:
        from cantor.workers.sandbox.launch import enter
        from cantor.workers.sandbox.levels import Sandbox

        # Before the rest is imported: the two processes around the worker stay small.
        number = enter(Sandbox.decode(options.sandbox), options.parent, options.descriptors)
    if options.trial:
        from cantor.workers.sandbox.landlock import abi

        print(json.dumps({"landlock": abi()}))
        return 0
    from cantor.workers.serving import main

    return main(options.parent, *(options.descriptors or [-1]), number=number)
