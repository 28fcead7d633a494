"""What people give by name on a command line: ``--label site=north``, ``--link-weight gate=4``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_labels(texts: Iterable[str]) -> dict[str, str]:
    """Names and values of ``NAME=VALUE`` texts; the last of a name holds.

    Raises:
        ConfigError: a text is no label.
    """
    labels: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise ConfigError(
                f"not a label: {text[:80]!r}", where="--label", remedy="write NAME=VALUE"
            )
        labels[name] = value
    return labels


def parse_weights(texts: Iterable[str]) -> dict[str, float]:
    """Nodes and weights of ``NODE=N`` texts; the last of a node holds.

    Raises:
        ConfigError: a text is no weight.
    """
    weights: dict[str, float] = {}
    for text in texts:
        node, _, number = text.rpartition("=")
        try:
            weights[node] = float(number)
        except ValueError:
            node = ""
        if not node:
            raise ConfigError(
                f"not a weight: {text[:80]!r}", where="--link-weight", remedy="write NODE=NUMBER"
            )
    return weights
