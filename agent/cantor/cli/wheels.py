"""The option of verbs that look for wheels on an index of packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_index_option(verb: argparse.ArgumentParser) -> None:
    """``--index-url``, as pip calls it."""
    verb.add_argument(
        "--index-url", default="", metavar="URL",
        help="the index of packages to ask, and no other (default: the one that pip asks)",
    )  # fmt: skip
