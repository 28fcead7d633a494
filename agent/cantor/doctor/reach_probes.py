"""Looks at the ways in and out: this box's firewall, and the hub that it enrols at."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Literal

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.doctor.facts import FirewallFacts, HubFacts, Verdict
from cantor.doctor.firewall import Packet, Ruleset
from cantor.doctor.network_probes import CONNECT_TIMEOUT_S, MDNS_GROUP, MDNS_PORT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.doctor.network_probes import Connect

NFT_TIMEOUT_S = 5.0
_UNKNOWN: tuple[Verdict, str] = ("unknown", "")


async def hub(address: str, connect: Connect) -> HubFacts:
    """Whether something accepts at the hub's address; an empty one is not tried."""
    if not address:
        return HubFacts("")
    try:
        where = Address.parse(address)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await connect(where.host, where.port)
    except TimeoutError:
        return HubFacts(address, f"no answer within {CONNECT_TIMEOUT_S:g} s", is_silent=True)
    except socket.gaierror as error:
        return HubFacts(address, f"its name is not known here ({error.strerror})", is_silent=True)
    except ConnectionRefusedError:
        return HubFacts(address, "no hub listens there")
    except (OSError, ConfigError) as error:
        return HubFacts(address, str(error), is_silent=True)
    return HubFacts(address)


def firewall(listen: str, root: Path, rules: Callable[[], str]) -> FirewallFacts:
    """What the rules say about the agent's port and mDNS; ``rules`` gives them as JSON."""
    port = listen.rpartition(":")[2]
    tcp, mdns = _UNKNOWN, _UNKNOWN
    try:
        ruleset = Ruleset.read(json.loads(rules()))
        tcp = ruleset.verdict(Packet("tcp", int(port)))
        mdns = ruleset.verdict(Packet("udp", MDNS_PORT, MDNS_GROUP))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # not seen: no right to, no such program, or rules of a shape unknown to this version
    return FirewallFacts(port, tcp[0], mdns[0], _program(root), tcp[1] or mdns[1])


def nft_rules() -> str:
    """The rules of this box as nft prints them in JSON.

    Raises:
        OSError: nft is not here, or tells them to root only.
    """
    path = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise FileNotFoundError("nft")
    try:
        # A path of the system, fixed words, and nothing of this program's environment.
        done = subprocess.run(  # noqa: S603
            [path, "-j", "list", "ruleset"],
            check=False, capture_output=True, text=True, timeout=NFT_TIMEOUT_S, env={},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise OSError(str(error)) from error
    if done.returncode != 0:
        raise PermissionError(done.stderr.strip())
    return done.stdout


def _program(root: Path) -> Literal["", "ufw", "firewalld"]:
    try:
        if "ENABLED=yes" in (root / "etc/ufw/ufw.conf").read_text().split():
            return "ufw"
    except (OSError, ValueError):
        pass  # ufw is not here
    return "firewalld" if any((root / "run").glob("firewalld*")) else ""
