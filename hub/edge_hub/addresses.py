"""The names by which a hub is reached: in links, tokens, certificates and Host headers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.transport.addresses import local_addresses
from edge_hub.tokens import EnrolmentPoint

if TYPE_CHECKING:
    from cantor.identity.authority import Authority
    from edge_hub.settings import HubSettings

EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not listened on)
_PORTS = {"http": 80, "https": 443}


def check_console_url(url: str) -> str:
    """The origin that a proxy before the console has, without a slash at its end.

    Raises:
        ConfigError: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.netloc or parts.path not in {"", "/"} or parts.query:
        raise ConfigError(
            f"not the address of a console: {url[:80]!r}",
            where="--console-url",
            remedy="write https://HOST or https://HOST:PORT",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def console_origin(settings: HubSettings, console: Address) -> str:
    """How people write the console that listens at ``console``."""
    if settings.console_url:
        return settings.console_url
    scheme = "https" if settings.console_has_tls else "http"
    return f"{scheme}://{_reached(settings, console)}"


def sign_in_url(origin: str, ticket: str) -> str:
    """The link for a ticket; the ticket stands after #, which browsers send to nobody."""
    return f"{origin}/sign-in#ticket={ticket}"


def enrolment_point(settings: HubSettings, authority: Authority, enrol: Address) -> EnrolmentPoint:
    """What tokens of this hub carry, when it listens at ``enrol``."""
    hub = settings.public_enrol or str(_reached(settings, enrol))
    return EnrolmentPoint(hub, authority.root_pin)


def certified_hosts(settings: HubSettings) -> list[str]:
    """The names and addresses that the hub's certificate says."""
    names = [settings.enrol.host, settings.console.host, *settings.hosts, "localhost", "127.0.0.1"]
    if settings.public_enrol:
        names.append(Address.parse(settings.public_enrol).host)
    if EVERYWHERE & set(names):
        names += [socket.gethostname(), *local_addresses()]
    return [name for name in dict.fromkeys(names) if name not in EVERYWHERE]


def host_headers(settings: HubSettings, console: Address) -> set[str]:
    """The Host headers that the console answers to, so that no rebound DNS name reaches it."""
    names = {console.host, *settings.hosts}
    if console.is_loopback:
        names |= {"127.0.0.1", "localhost", "::1"}
    elif console.host in EVERYWHERE:
        names |= {socket.gethostname(), *local_addresses()}
    allowed = {str(Address(name, console.port)).lower() for name in names}
    if console.port == _PORTS["https" if settings.console_has_tls else "http"]:
        allowed |= {name.lower() for name in names}
    if settings.console_url:
        allowed.add(urlsplit(settings.console_url).netloc)
    return allowed


def _reached(settings: HubSettings, listening: Address) -> Address:
    """What to write for an address that may stand for every one of this machine."""
    if listening.host not in EVERYWHERE:
        return listening
    return Address((*settings.hosts, *local_addresses())[0], listening.port)
