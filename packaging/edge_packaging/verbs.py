"""The verbs of each binary's command line, by the same table that fills the binary."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cantor.cli.main import COMMAND_GROUP, build_parser
from edge_packaging.contents import BUILDS, Build, registered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint


def verbs_of(build: Build) -> list[str]:
    """Every verb that the binary's ``--help`` must show, sorted."""
    left_out = left_out_verbs(build)
    return sorted(verb for verb in _shown(build_parser()) if verb not in left_out)


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
    return [verb for verbs in _groups(parser) for verb in verbs.choices]


def _shown(parser: argparse.ArgumentParser) -> list[str]:
    """Without those that are for nobody to type, which have no help."""
    return [shown.dest for verbs in _groups(parser) for shown in verbs._choices_actions]


def _groups(
    parser: argparse.ArgumentParser,
) -> Iterator[argparse._SubParsersAction[argparse.ArgumentParser]]:
    found = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    yield from found
