from __future__ import annotations

from types import SimpleNamespace

import ifaddr
import pytest

from cantor.base.address import Address
from cantor.transport import addresses
from cantor.transport.addresses import everywhere, local_addresses, told_addresses

HERE = ["10.0.0.2", ("fe80::1", 0, 2), "127.0.0.1", ("fd77::2", 0, 0), ("::1", 0, 0)]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an address of each kind."""
    adapters = [SimpleNamespace(ips=[SimpleNamespace(ip=ip) for ip in HERE])]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)


def test_neither_loopback_nor_link_local_addresses_are_for_others() -> None:
    assert local_addresses() == ["10.0.0.2", "fd77::2"]


@pytest.mark.parametrize(
    ("listening", "interfaces", "told"),
    [
        (["0.0.0.0:1"], [], ["10.0.0.2:1"]),
        (["[::]:1"], [], ["[fd77::2]:1"]),
        (["0.0.0.0:1", "[::]:1", "0.0.0.0:2"], [], ["10.0.0.2:1", "[fd77::2]:1", "10.0.0.2:2"]),
        (["10.0.0.9:1", "box.local:2"], [], ["10.0.0.9:1", "box.local:2"]),
        (["[fe80::1%eth0]:1", "[fd77::9]:1"], [], ["[fd77::9]:1"]),
        (["0.0.0.0:1", "[::]:1"], ["10.0.0.7", "fd77::7"], ["10.0.0.7:1", "[fd77::7]:1"]),
        (["127.0.0.1:1"], ["127.9.9.9"], ["127.9.9.9:1"]),
    ],
)
def test_what_others_are_told_to_dial(
    listening: list[str], interfaces: list[str], told: list[str]
) -> None:
    assert told_addresses([Address.parse(where) for where in listening], interfaces) == told


@pytest.mark.parametrize(
    ("has_ipv6", "listening"),
    [(True, ("0.0.0.0:7433", "[::]:7433")), (False, ("0.0.0.0:7433",))],
)
def test_everywhere_is_every_family_that_the_system_has(
    monkeypatch: pytest.MonkeyPatch, has_ipv6: bool, listening: tuple[str, ...]
) -> None:
    monkeypatch.setattr(addresses, "has_ipv6", lambda: has_ipv6)
    assert everywhere(7433) == listening
