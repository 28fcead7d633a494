from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.identity.authority import Authority
from cantor.identity.authority_folder import save_authority
from cantor.identity.server_certificate import ServerCertificate
from edge_hub.addresses import certified_hosts, check_console_url, host_headers
from edge_hub.app import start_hub
from edge_hub.certificate import OwnCertificate
from edge_hub.mesh_view import FakeMeshView
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import HandClock

    from edge_hub.app import Hub

LOOPBACK = Address("127.0.0.1", 0)
DAY_S = 86_400.0
EVERYWHERE = "0.0.0.0"  # noqa: S104 (that is what is tested)


async def presented(address: Address) -> str:
    """The fingerprint of what a listener shows, as browsers write it."""
    at = (address.host, address.port)
    der = ssl.PEM_cert_to_DER_cert(await asyncio.to_thread(ssl.get_server_certificate, at))
    return hashlib.sha256(der).digest().hex(":").upper()


async def started(settings: HubSettings, authority: Authority, clock: HandClock) -> Hub:
    return await start_hub(settings, authority, FakeMeshView(), clock=clock)


@pytest.fixture
def settings(tmp_path: Path, authority: Authority) -> HubSettings:
    save_authority(authority, tmp_path / "hub" / "authority")
    return HubSettings(tmp_path / "hub", console=LOOPBACK, enrol=LOOPBACK)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A certificate that another authority made, with its key in the same file."""
    elsewhere = Authority.create("elsewhere", now=dt.datetime.now(dt.UTC))
    file = tmp_path / "own.pem"
    file.write_bytes(elsewhere.issue_server(["127.0.0.1"], now=dt.datetime.now(dt.UTC)))
    return file


async def test_a_console_on_loopback_has_no_certificate(
    settings: HubSettings, authority: Authority, clock: HandClock
) -> None:
    hub = await started(settings, authority, clock)
    await hub.close()
    assert (hub.fingerprint, hub.origin) == ("", f"http://{hub.console}")


async def test_who_connects_and_says_nothing_is_let_go_soon(
    settings: HubSettings,
    authority: Authority,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_hub.app.HANDSHAKE_TIMEOUT_S", 0.05)
    hub = await started(settings, authority, clock)
    try:
        reader, writer = await asyncio.open_connection(hub.enrol.host, hub.enrol.port)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
    finally:
        await hub.close()


async def test_a_console_that_others_reach_shows_the_printed_fingerprint(
    tmp_path: Path, authority: Authority, clock: HandClock
) -> None:
    save_authority(authority, tmp_path / "hub" / "authority")
    at = Address(EVERYWHERE, 0)
    settings = HubSettings(tmp_path / "hub", at, LOOPBACK, hosts=("127.0.0.1",))
    hub = await started(settings, authority, clock)
    try:
        here = Address("127.0.0.1", hub.console.port)
        assert hub.fingerprint == await presented(here)
        assert hub.origin == f"https://{here}"
        ticket = (await hub.sign_in_link()).partition("#ticket=")[2]
        trusting = ssl.create_default_context(cadata=authority.root_pem.decode())
        headers = {"Origin": hub.origin, "X-Cantor-Request": "1"}
        async with aiohttp.ClientSession() as browser:
            url = f"{hub.origin}/api/v1/sign-in"
            sent = browser.post(url, json={"ticket": ticket}, headers=headers, ssl=trusting)
            async with sent as reply:
                assert reply.status == 204
                assert "Secure" in reply.headers["Set-Cookie"]
    finally:
        await hub.close()

    again = await started(settings, authority, clock)
    await again.close()
    assert again.fingerprint == hub.fingerprint


def test_a_certificate_is_kept_until_it_is_due_or_lacks_an_address(
    tmp_path: Path, authority: Authority, clock: HandClock
) -> None:
    def fingerprint(*hosts: str) -> str:
        return ServerCertificate(tmp_path / "server.pem", authority, hosts, clock).fingerprint

    first = fingerprint("hub.example", "10.0.0.1")
    assert fingerprint("10.0.0.1") == first
    second = fingerprint("hub.example", "10.0.0.2")
    assert second != first
    clock.passed_s += 334 * DAY_S
    assert fingerprint("10.0.0.2") == second
    clock.passed_s += 2 * DAY_S
    assert fingerprint("10.0.0.2") != second


def test_no_session_outlives_its_certificate(
    tmp_path: Path, authority: Authority, clock: HandClock, own: Path
) -> None:
    by_mesh = ServerCertificate(tmp_path / "server.pem", authority, ["127.0.0.1"], clock)
    for certificate in (by_mesh, OwnCertificate(own)):
        assert certificate.context.num_tickets == 0
        assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_3


def test_a_certificate_of_another_mesh_or_a_damaged_file_is_replaced(
    tmp_path: Path, authority: Authority, clock: HandClock, own: Path
) -> None:
    path = tmp_path / "server.pem"
    for content in (own.read_bytes(), b"-----BEGIN", b""):
        path.write_bytes(content)
        path.chmod(0o600)
        ServerCertificate(path, authority, ["127.0.0.1"], clock)
        assert authority.root_pem in path.read_bytes()


async def test_ones_own_certificate_is_the_consoles_and_never_that_of_enrolment(
    settings: HubSettings, authority: Authority, clock: HandClock, own: Path
) -> None:
    mine = HubSettings(settings.data, LOOPBACK, LOOPBACK, certificate=own)
    hub = await started(mine, authority, clock)
    try:
        assert hub.origin == f"https://{hub.console}"
        assert hub.fingerprint == await presented(hub.console)
        assert await presented(hub.enrol) != hub.fingerprint
    finally:
        await hub.close()


def test_ones_own_certificate_may_be_renewed_under_a_running_hub(own: Path) -> None:
    certificate = OwnCertificate(own)
    before = certificate.fingerprint
    renewed = Authority.create("elsewhere", now=dt.datetime.now(dt.UTC))
    own.write_bytes(renewed.issue_server(["127.0.0.1"], now=dt.datetime.now(dt.UTC)))
    certificate.refresh()
    assert certificate.fingerprint != before

    own.write_text("half a file")
    with pytest.raises(ConfigError, match="OpenSSL refuses it"):
        certificate.refresh()


def test_a_certificate_that_cannot_be_used_names_file_and_remedy(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"--certificate /no/where.pem: no such file"):
        OwnCertificate(Path("/no/where.pem"))
    pem = own.read_text()
    alone = own.with_name("alone.pem")
    alone.write_text(pem[pem.index("-----BEGIN CERTIFICATE") :])
    with pytest.raises(ConfigError, match=r"alone\.pem: OpenSSL refuses it"):
        OwnCertificate(alone)


async def test_a_proxy_speaks_tls_for_a_console_on_loopback(
    settings: HubSettings, authority: Authority, clock: HandClock
) -> None:
    url = check_console_url("https://hub.example/")
    behind = HubSettings(settings.data, LOOPBACK, LOOPBACK, console_url=url)
    hub = await started(behind, authority, clock)
    try:
        link = await hub.sign_in_link()
        assert link.startswith("https://hub.example/sign-in#ticket=")
        forwarded = {
            "Host": "hub.example",
            "Origin": "https://hub.example",
            "X-Cantor-Request": "1",
        }
        async with aiohttp.ClientSession() as browser:
            to = f"http://{hub.console}/api/v1/sign-in"
            ticket = {"ticket": link.partition("#ticket=")[2]}
            async with browser.post(to, json=ticket, headers=forwarded) as reply:
                assert reply.status == 204
                assert reply.headers["Set-Cookie"].startswith("__Host-")
    finally:
        await hub.close()


@pytest.mark.parametrize("url", ["hub.example", "ftp://hub.example", "https://x/path", "https://"])
def test_what_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--console-url"):
        check_console_url(url)


def test_a_hub_that_listens_everywhere_is_reached_by_each_address_of_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_hub.addresses.local_addresses", lambda: ["10.77.0.1"])
    settings = HubSettings(tmp_path, Address(EVERYWHERE, 8080), Address(EVERYWHERE, 8443))
    assert "10.77.0.1" in certified_hosts(settings)
    assert "10.77.0.1:8080" in host_headers(settings, settings.console)
