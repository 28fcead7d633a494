"""Where metrics go beside the mesh, as people type it."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from cantor.base.errors import ConfigError
from cantor.cli.exporting import add_export_options, exports_of
from cantor.node.settings import Exports


def typed(*words: str) -> Exports:
    parser = ArgumentParser()
    add_export_options(parser)
    return exports_of(parser.parse_args(words))


def test_nothing_goes_anywhere_unless_asked_for() -> None:
    assert typed() == Exports()
    assert typed("--prometheus", "127.0.0.1:9464", "--otlp", "https://a:4318") == Exports(
        "127.0.0.1:9464", "https://a:4318/v1/metrics"
    )


@pytest.mark.parametrize("words", [("--prometheus", "0.0.0.0:9464"), ("--otlp", "collector:4318")])
def test_what_is_open_to_others_or_no_address_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=words[0]):
        typed(*words)
