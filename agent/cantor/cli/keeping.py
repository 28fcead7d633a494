"""The options of verbs that run a node: how much of its disk it may use for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_keeping_options(verb: argparse.ArgumentParser) -> None:
    """``--service-data`` and ``--logs``; empty without them: see ``cantor.node.settings``."""
    verb.add_argument(
        "--service-data", default="", metavar="SIZE",
        help="how much each service may keep on this machine in its own folder (1GiB)",
    )  # fmt: skip
    verb.add_argument(
        "--logs", default="", metavar="SIZE",
        help="how much of what it says, and its services print, is kept on this machine (64MiB)",
    )  # fmt: skip
