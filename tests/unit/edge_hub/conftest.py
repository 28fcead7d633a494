"""A real hub on loopback, a browser's session with it, and boxes that enrol."""

from __future__ import annotations

import datetime as dt
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cantor.base.address import Address
from cantor.base.ids import NodeId, node_id_from_public_key
from cantor.identity.authority import Authority
from edge_hub.app import Hub, start_hub
from edge_hub.mesh_view import FakeMeshView
from edge_hub.pipelines import FakePipelineControl
from edge_hub.secret_control import FakeSecrets
from edge_hub.service_control import FakeServices
from edge_hub.settings import HubSettings
from edge_hub.task_control import FakeTasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    RunHub = Callable[[Path, Authority, "HandClock"], AbstractAsyncContextManager["World"]]

RUNNER = NodeId("b" * 32)
START = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return self.passed_s

    def wall(self) -> float:
        return START.timestamp() + self.passed_s


@dataclass
class Box:
    """A machine with a key, which asks to be a node."""

    hostname: str = "box"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def node_id(self) -> NodeId:
        public = self.key.public_key()
        return node_id_from_public_key(
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )

    def request(self, secret: str) -> dict[str, object]:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        csr = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        facts = {"hostname": self.hostname, "platform": "linux", "version": "0.1.0"}
        return {"secret": secret, "csr": csr, "nonce": "ab" * 16, "facts": facts}


@dataclass
class World:
    """A running hub and what it stands on."""

    hub: Hub
    authority: Authority
    clock: HandClock
    mesh: FakeMeshView
    pipelines: FakePipelineControl
    services: FakeServices
    tasks: FakeTasks
    secrets: FakeSecrets
    browser: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        return f"http://{self.hub.console}"

    @property
    def unsafe(self) -> dict[str, str]:
        return {"Origin": self.origin, "X-Cantor-Request": "1"}

    def box(self, hostname: str = "box") -> Box:
        return Box(hostname)

    def url(self, path: str) -> str:
        return f"{self.origin}/api/v1{path}"

    async def sign_in(self, role: str = "owner") -> None:
        ticket = (await self.hub.sign_in_link(role)).partition("#ticket=")[2]
        sent = self.browser.post(self.url("/sign-in"), json={"ticket": ticket}, headers=self.unsafe)
        async with sent as reply:
            assert reply.status == 204, await reply.text()

    async def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, object]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = self.browser.request(
            method, self.url(path), json=body, headers={**self.unsafe, **named}
        )
        async with sent as reply:
            return reply.status, (await reply.json(content_type=None)) or {}

    async def token(self, **wish: object) -> tuple[str, str]:
        """The id and the secret of a new token."""
        status, made = await self.call("POST", "/enrolment-tokens", wish)
        assert status == 201, made
        return str(made["id"]), str(made["token"]).split("_")[3]

    async def enrol(self, box: Box, secret: str) -> tuple[int, dict[str, object]]:
        url = f"https://{self.hub.enrol}/enrol"
        sent = self.browser.post(url, json=box.request(secret), ssl=False)
        async with sent as reply:
            return reply.status, await reply.json(content_type=None)


@asynccontextmanager
async def running(folder: Path, authority: Authority, clock: HandClock) -> AsyncIterator[World]:
    mesh = FakeMeshView(seeds=["192.0.2.1:7447"])
    settings = HubSettings(
        folder,
        console=Address("127.0.0.1", 0),
        enrol=Address("127.0.0.1", 0),
        static=folder / "static",
        figures_every_s=0.01,
    )
    pipelines = FakePipelineControl(RUNNER, wall=clock.wall)
    services, tasks = FakeServices(authority.tenant), FakeTasks(authority.tenant)
    secrets = FakeSecrets(authority.tenant)
    hub = await start_hub(
        settings, authority, mesh, clock=clock, pipelines=pipelines, pushed=services, tasks=tasks,
        secrets=secrets,
    )  # fmt: skip
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            yield World(hub, authority, clock, mesh, pipelines, services, tasks, secrets, browser)
    finally:
        await hub.close()


@pytest.fixture
def authority() -> Authority:
    return Authority.create("plant.example", now=START - dt.timedelta(days=1))


@pytest.fixture
def run_hub() -> RunHub:
    """Start a hub in a folder, for tests that need more than one."""
    return running


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest_asyncio.fixture
async def stranger(tmp_path: Path, authority: Authority, clock: HandClock) -> AsyncIterator[World]:
    """A hub, and a browser that has not signed in."""
    async with running(tmp_path / "hub", authority, clock) as world:
        yield world


@pytest_asyncio.fixture
async def world(stranger: World) -> World:
    """A hub, and a browser that has signed in."""
    await stranger.sign_in()
    return stranger
