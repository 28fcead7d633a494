"""Real brokers, real device processes, and a node beside them."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from firmware_bridge.embedded_broker import EmbeddedBroker
from firmware_bridge.service import BridgeService

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncIterator, Callable, Iterator

    from cantor.node.fake import FakeNode

WAIT_S = 20.0
HOST = "127.0.0.1"
THERMOMETER = Path(__file__).resolve().parents[3] / "configs" / "devices" / "thermometer.yaml"
PLAIN = THERMOMETER.with_name("plain-thermometer.yaml")


class RunningBroker(Protocol):
    """A broker on a port of its own that can be killed and started again there."""

    port: int

    async def start(self) -> None:
        """Accept connections."""

    async def kill(self) -> None:
        """End at once."""


class Mosquitto:
    """The real broker in a process of its own, with further lines of configuration."""

    def __init__(self, folder: Path, *lines: str) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.fail("mosquitto is missing: sudo apt-get install -y mosquitto")
        self.port = free_port()
        settings = folder / "mosquitto.conf"
        user = getpass.getuser()  # root's broker would become nobody, who may read nothing here
        text = [f"listener {self.port} {HOST}", "persistence false", f"user {user}", *lines]
        settings.write_text("\n".join([*text, ""]))
        self._command = [program, "-c", str(settings)]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._spawn()
        try:
            await until(lambda: accepts(self.port))
        except TimeoutError:
            await self.kill()
            raise

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _spawn(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)


class Embedded:
    """The broker of demonstrations, as it is in their process."""

    def __init__(self) -> None:
        self.port = free_port()
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        await self._stack.enter_async_context(EmbeddedBroker(self.port))

    async def kill(self) -> None:
        await self._stack.aclose()


class Thermometer:
    """A simulated device in a process of its own: what firmware does when it is cut off."""

    def __init__(self, port: int, name: str, memory: Path) -> None:
        options = ["--port", str(port), "--device", name, "--interval", "0.05"]
        command = [sys.executable, "-m", "firmware_bridge.simulated", *options]
        self._command = [*command, "--memory", str(memory)]
        self._process: subprocess.Popen[bytes] | None = None

    def power_on(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def power_off(self) -> None:
        """Cut its power: no goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Site:
    """A node with a bridge; ``state`` of its devices as ``cantor bridge list`` shows it."""

    def __init__(self, node: FakeNode, service: BridgeService) -> None:
        self.node = node
        self.service = service

    @property
    def about(self) -> dict[str, Any]:
        return self.service.as_value()

    def device(self, name: str) -> dict[str, Any]:
        found = [one for one in self.about["devices"] if one["device"] == name]
        return found[0] if found else {"state": "unknown", "readings": {}, "reason": ""}

    def offered(self) -> set[str]:
        """The devices that the mesh knows of this node."""
        (view,) = self.node.nodes()
        return {device.id for device in view.devices}

    async def sees(self, *names: str) -> None:
        """Wait until the ledger holds exactly these thermometers."""
        await until(lambda: self.offered() == {f"mqtt/thermometer/{name}" for name in names})


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 (what is waited for happens in other processes)
            await asyncio.sleep(0.01)


def accepts(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as attempt:
        return attempt.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


async def open_site(folder: Path, port: int, *, liveness_s: float = 60.0, more: str = "") -> Site:
    """A node whose bridge uses the broker on a port; ``more`` are further keys of ``broker``."""
    kind = THERMOMETER.read_text().replace("liveness_s: 5", f"liveness_s: {liveness_s}")
    (folder / "thermometer.yaml").write_text(kind)
    path = folder / "bridge.yaml"
    path.write_text(
        f"broker: {{host: {HOST}, port: {port}{more}}}\n"
        f"devices: [thermometer.yaml, {PLAIN}]\n"
        "limits: {payload_bytes: 1024}\n"
    )
    node = FakeMesh().add(NodeId("a" * 64), folder)
    service = BridgeService(node, path)
    await service.start()
    return Site(node, service)


@pytest.fixture(params=["mosquitto", "embedded"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningBroker]:
    one: RunningBroker
    if request.param == "mosquitto":
        one = Mosquitto(tmp_path, "allow_anonymous true")
    else:
        one = Embedded()
    await one.start()
    yield one
    await one.kill()


@pytest.fixture
async def site(broker: RunningBroker, tmp_path: Path) -> AsyncIterator[Site]:
    """A bridge that waits long for its devices."""
    site = await open_site(tmp_path, broker.port)
    await until(lambda: site.about["state"] == "connected")
    yield site
    await site.service.close()


@pytest.fixture
async def hasty_site(broker: RunningBroker, tmp_path: Path) -> AsyncIterator[Site]:
    """A bridge for which half a second is silence."""
    site = await open_site(tmp_path, broker.port, liveness_s=0.5)
    await until(lambda: site.about["state"] == "connected")
    yield site
    await site.service.close()


@pytest.fixture
def thermometer(broker: RunningBroker, tmp_path: Path) -> Iterator[Thermometer]:
    device = Thermometer(broker.port, "t1", tmp_path / "flash")
    device.power_on()
    yield device
    device.power_off()
