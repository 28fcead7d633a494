"""The option of verbs that run a node: what each service may keep there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_service_data_option(verb: argparse.ArgumentParser) -> None:
    """``--service-data``; empty without it: see ``cantor.node.settings.service_data_of``."""
    verb.add_argument(
        "--service-data", default="", metavar="SIZE",
        help="how much each service may keep on this machine in its own folder (1GiB)",
    )  # fmt: skip
