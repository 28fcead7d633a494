"""The entry point of ``cantor``: Cantor's own verbs, and those of the layers above.

A layer above registers verbs in the entry-point group ``cantor.commands``: a function that takes
the subparsers and gives each of its verbs ``set_defaults(run=function)``, where
``function(options)`` returns the exit code. Exit codes: 0 done, 2 usage or configuration, 130
interrupted, others as drawn in :mod:`cantor.base.errors`.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import cantor
from cantor.base.errors import CantorError
from cantor.cli import agent, completion, doctor, enrolment, schema

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_GROUP = "cantor.commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the process's exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except CantorError as error:
        print(f"cantor: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130


def build_parser() -> argparse.ArgumentParser:
    """The parser with every verb that this installation has."""
    parser = argparse.ArgumentParser(
        prog="cantor",
        description="A fleet of edge boxes, cameras and microcontrollers as one computer.",
    )
    parser.add_argument("--version", action="version", version=f"cantor {cantor.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    enrolment.register(verbs)
    agent.register(verbs)
    doctor.register(verbs)
    schema.register(verbs)
    completion.register(verbs, build_parser)
    for point in sorted(entry_points(group=COMMAND_GROUP), key=lambda point: point.name):
        getattr(import_module(point.module), point.attr)(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
