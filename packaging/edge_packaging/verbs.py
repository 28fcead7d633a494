"""The verbs of each binary's command line, by the same table that fills the binary."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cantor.cli.main import COMMAND_GROUP, build_parser
from edge_packaging.contents import BUILDS, Build, registered

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def verbs_of(build: Build) -> list[str]:
    """Every verb that the binary's ``--help`` must show, sorted."""
    left_out = left_out_verbs(build)
    return sorted(verb for verb in _choices(build_parser()) if verb not in left_out)


def left_out_verbs(build: Build) -> dict[str, str]:
    """Verbs of this project that the binary lacks, each with a build that has it, or ""."""
    return {
        verb: next((other.name for other in BUILDS if other.has(point)), "")
        for point in registered(COMMAND_GROUP)
        if not build.has(point)
        for verb in _verbs_of_point(point)
    }


def _verbs_of_point(point: EntryPoint) -> list[str]:
    parser = argparse.ArgumentParser()
    point.load()(parser.add_subparsers())
    return _choices(parser)


def _choices(parser: argparse.ArgumentParser) -> list[str]:
    return [
        verb
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for verb in action.choices
    ]
