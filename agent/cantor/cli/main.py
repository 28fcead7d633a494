"""The entry point of ``cantor``: Cantor's own verbs, and those of the layers above.

A layer above registers verbs in the entry-point group ``cantor.commands``: a function that takes
the subparsers and gives each of its verbs ``set_defaults(run=function)``, where
``function(options)`` returns the exit code. Exit codes: 0 done, 2 usage or configuration, 130
interrupted, 74 a file or folder cannot be used, others as drawn in :mod:`cantor.base.errors`.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import cantor
from cantor.base.errors import CantorError, ConfigError, reason_of
from cantor.base.program import left_out, parts
from cantor.cli import agent, completion, doctor, enrolment, mesh, node, schema, tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_GROUP = "cantor.commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the process's exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _refuse_left_out(words)
        options = build_parser().parse_args(words)
        return int(options.run(options))
    except CantorError as error:
        print(f"cantor: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        print(f"cantor: {_unusable(error)}", file=sys.stderr)
        return os.EX_IOERR
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
    mesh.register(verbs)
    node.register(verbs)
    tokens.register(verbs)
    doctor.register(verbs)
    schema.register(verbs)
    completion.register(verbs, build_parser)
    for point in parts(COMMAND_GROUP):
        getattr(import_module(point.module), point.attr)(verbs)
    return parser


def _unusable(error: OSError) -> CantorError:
    """A file that no verb expected to fail: a disk that is full, a folder of somebody else."""
    return CantorError(
        f"cannot be used: {reason_of(error)}",
        where=os.fsdecode(error.filename),
        remedy="look whether it is there, who owns it, and whether the disk has room",
    )


def _refuse_left_out(words: Sequence[str]) -> None:
    missing = left_out(COMMAND_GROUP)
    if words and words[0] in missing:
        where = missing[words[0]]
        raise ConfigError(
            f"{words[0]!r} is not in this build",
            remedy=f"use the build {where!r}" if where else "install the package that brings it",
        )


if __name__ == "__main__":
    sys.exit(main())
