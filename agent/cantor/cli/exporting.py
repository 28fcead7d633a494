"""The options of verbs that run a node: where its metrics go beside the mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cantor.node.settings import Exports


def add_export_options(verb: argparse.ArgumentParser) -> None:
    """``--prometheus`` and ``--otlp``; nothing goes anywhere without them."""
    verb.add_argument(
        "--prometheus", default="", metavar="HOST:PORT",
        help="let Prometheus read metrics there, on this machine: 127.0.0.1:9464",
    )  # fmt: skip
    verb.add_argument(
        "--otlp", default="", metavar="URL",
        help="send metrics to this collector of OpenTelemetry: http://127.0.0.1:4318",
    )  # fmt: skip


def exports_of(options: argparse.Namespace) -> Exports:
    """What the options say.

    Raises:
        ConfigError: one of them is of no use.
    """
    from cantor.node.metrics.endpoint import loopback_of
    from cantor.node.metrics.otlp import target_of
    from cantor.node.settings import Exports

    return Exports(
        str(loopback_of(options.prometheus)) if options.prometheus else "",
        target_of(options.otlp) if options.otlp else "",
    )
