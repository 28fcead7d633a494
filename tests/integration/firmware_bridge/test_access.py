"""Getting into a broker: passwords, TLS, and brokers that refuse or are not there."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.integration.firmware_bridge.conftest import (
    HOST,
    Mosquitto,
    Site,
    free_port,
    open_site,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    Opener = Callable[..., Coroutine[None, None, Site]]

pytestmark = pytest.mark.integration
# mosquitto_passwd's form of the password "hush": PBKDF2-HMAC-SHA512, 101 rounds.
SALT = b"0123456789ab"


@pytest.fixture
async def open_one(tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens a bridge that is closed at the end."""
    sites: list[Site] = []

    async def opener(port: int, more: str = "") -> Site:
        sites.append(await open_site(tmp_path, port, more=more))
        return sites[-1]

    yield opener
    for site in sites:
        await site.service.close()


def write_password(path: Path) -> None:
    digest = hashlib.pbkdf2_hmac("sha512", b"hush", SALT, 101)
    salt, mixed = (base64.b64encode(data).decode() for data in (SALT, digest))
    path.write_text(f"me:$7$101${salt}${mixed}\n")


def write_certificate(folder: Path) -> None:
    """A certificate for loopback that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "broker.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "broker.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


async def test_a_password_opens_and_a_wrong_one_is_said(tmp_path: Path, open_one: Opener) -> None:
    write_password(tmp_path / "users")
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {tmp_path / 'users'}")
    await broker.start()
    try:
        right = await open_one(broker.port, ", user: me, password: hush")
        await until(lambda: bool(right.about["state"] == "connected"))
        wrong = await open_one(broker.port, ", user: me, password: guess, client_id: other")
        await until(lambda: "refused: Not authorized" in wrong.about["reason"])
        assert wrong.about["state"] == "connecting"
    finally:
        await broker.kill()


async def test_tls_is_checked_against_the_named_authority(tmp_path: Path, open_one: Opener) -> None:
    write_certificate(tmp_path)
    broker = Mosquitto(
        tmp_path,
        "allow_anonymous true",
        f"certfile {tmp_path / 'broker.pem'}",
        f"keyfile {tmp_path / 'broker.key'}",
    )
    await broker.start()
    try:
        right = await open_one(broker.port, ", tls: true, ca: broker.pem")
        await until(lambda: bool(right.about["state"] == "connected"))
        stranger = await open_one(broker.port, ", tls: true, client_id: other")
        await until(lambda: "certificate verify failed" in stranger.about["reason"])
    finally:
        await broker.kill()


async def test_a_broker_that_is_not_there_is_named(open_one: Opener) -> None:
    port = free_port()
    site = await open_one(port)

    await until(lambda: site.about["reason"].startswith(f"{HOST}:{port} cannot be reached"))
    assert "Connection refused" in site.about["reason"]
