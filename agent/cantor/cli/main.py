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

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_GROUP = "cantor.commands"
OWN_VERBS = {
    "enroll": "cantor.cli.enrolment",
    "agent": "cantor.cli.agent",
    "nodes": "cantor.cli.agent",
    "status": "cantor.cli.agent",
    "resources": "cantor.cli.resources",
    "mesh": "cantor.cli.mesh",
    "node": "cantor.cli.node",
    "token": "cantor.cli.tokens",
    "login": "cantor.cli.login",
    "logout": "cantor.cli.login",
    "whoami": "cantor.cli.login",
    "doctor": "cantor.cli.doctor",
    "run": "cantor.cli.run",
    "task": "cantor.cli.task",
    "project": "cantor.cli.project",
    "pool": "cantor.cli.pool",
    "schema": "cantor.cli.schema",
    "push": "cantor.cli.push",
    "service": "cantor.cli.service",
    "kv": "cantor.cli.kv",
    "var": "cantor.cli.var",
    "queue": "cantor.cli.queue",
    "object": "cantor.cli.object",
    "logs": "cantor.cli.logs",
    "metrics": "cantor.cli.metrics",
    "top": "cantor.cli.top",
    "secret": "cantor.cli.secret",
    "worker": "cantor.cli.worker",
    "launch": "cantor.cli.launch",
    "completion": "cantor.cli.completion",
}
"""Cantor's own verbs, each with the module that brings it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the process's exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _refuse_left_out(words)
        options = build_parser(words[0] if words else "").parse_args(words)
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


def build_parser(verb: str = "") -> argparse.ArgumentParser:
    """The parser with every verb that this installation has.

    If ``verb`` is one of Cantor's own it has only what is needed for that: an agent runs for weeks
    and would carry the code of all others.
    """
    parser = argparse.ArgumentParser(
        prog="cantor",
        description="A fleet of edge boxes, cameras and microcontrollers as one computer.",
    )
    parser.add_argument("--version", action="version", version=f"cantor {cantor.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    only = OWN_VERBS.get(verb)
    for module in dict.fromkeys(OWN_VERBS.values()) if only is None else (only,):
        register = import_module(module).register
        register(verbs, build_parser) if module.endswith("completion") else register(verbs)
    for point in parts(COMMAND_GROUP) if only is None else ():
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
