from __future__ import annotations

import pytest

from cantor.base.address import Address
from cantor.base.errors import ConfigError


@pytest.mark.parametrize("text", ["10.0.0.1:7433", "box.local:0", "[fe80::1]:65535", "[::]:7433"])
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(Address.parse(text)) == text


NONE = ["", "host", ":1", "host:", "host:99999", "host:-1", "host:¹", "host:" + "9" * 5000]
NO_HOSTS = [
    "a..b:1",
    ".:1",
    "a" * 64 + ":1",
    "\ud800:1",
    "é" * 80 + ".x:1",
]


@pytest.mark.parametrize("text", [*NONE, *NO_HOSTS])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize("text", ["::1:7433", "fd77::1:7433", "[::1:7433", "::1]:7433"])
def test_ipv6_without_brackets_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST") as refused:
        Address.parse(text)
    assert "[HOST]:PORT" in refused.value.remedy


def test_loopback_is_known_by_number_and_by_name() -> None:
    loopback = ["127.0.0.1:1", "127.9.0.1:1", "[::1]:1", "localhost:1"]
    assert all(Address.parse(text).is_loopback for text in loopback)
    assert not any(Address.parse(text).is_loopback for text in ("0.0.0.0:1", "box:1"))
