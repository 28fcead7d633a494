from __future__ import annotations

from pathlib import Path

import pytest

from cantor.base.errors import ConfigError
from cantor.workers.sandbox.levels import OPEN, Limits, Sandbox, level_named


def test_a_sandbox_travels_as_a_line() -> None:
    sandbox = Sandbox(
        "net",
        readable=(Path("/srv/wheels"), Path("/opt/a b")),
        hidden=(Path("/srv/wheels/key"),),
        devices=(Path("/dev/video0"),),
        limits=Limits(processes=3, data_bytes=1 << 30),
    )

    assert "\n" not in sandbox.encode()
    assert Sandbox.decode(sandbox.encode()) == sandbox


@pytest.mark.parametrize("text", ["", "[]", "{}", "full", '{"level":"full"}', '{"level":5}'])
def test_another_line_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="not a sandbox"):
        Sandbox.decode(text)


def test_levels_have_names() -> None:
    assert level_named("full") == "full"
    with pytest.raises(ConfigError, match="full, net, none"):
        level_named("half")


def test_without_a_word_there_is_none() -> None:
    assert not OPEN.is_closed
    assert Sandbox("net").is_closed
