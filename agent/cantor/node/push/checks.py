"""Is a service well? By what it prints, by HTTP, by a command, or because it runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.push.way import Way
    from cantor.services.manifest import Health, Manifest

GRACE_S = 1.0
"""What says nothing of itself is well after so long."""
ASK_S = 3.0
FAILURES = 3
EAGER_S = 0.1
"""How often it is asked until it was well once."""


class Patient(Protocol):
    """Who hears how a service is."""

    def well(self) -> None:
        """It is well."""

    def ill(self, why: str) -> None:
        """It is not any more."""


class Checks:
    """The checks of one process; :meth:`run` goes on until it is cancelled."""

    def __init__(
        self,
        manifest: Manifest,
        ports: Mapping[str, int],
        way: Way,
        patient: Patient,
    ) -> None:
        """``way`` is that to the process."""
        self._health: Health = manifest.health
        self._ports = ports
        self._way = way
        self._patient = patient
        self._is_ready = asyncio.Event()

    def printed(self, lines: list[str]) -> None:
        """It printed these lines."""
        if self._health.ready and any(self._health.ready in line for line in lines):
            self._is_ready.set()

    async def run(self) -> None:
        """Tell the patient how it is."""
        if self._health.ready:
            await self._is_ready.wait()
            self._patient.well()
        elif self._health.http or self._health.command:
            await self._ask()
        else:
            await asyncio.sleep(GRACE_S)
            self._patient.well()

    async def _ask(self) -> None:
        was_well, failures = False, 0
        while failures < FAILURES:
            why = await self._why_not()
            if not why and not was_well:
                was_well = True
                self._patient.well()
            failures = failures + 1 if why and was_well else 0
            if failures == FAILURES:
                self._patient.ill(why)
            await asyncio.sleep(self._health.every_s if was_well else EAGER_S)

    async def _why_not(self) -> str:
        try:
            async with asyncio.timeout(ASK_S):
                return await (self._by_http() if self._health.http else self._by_command())
        except TimeoutError:
            return f"its health check took longer than {ASK_S:g} s"
        except OSError as error:
            return f"its health check failed: {reason_of(error)}"

    async def _by_http(self) -> str:
        port, path = self._health.http_target
        number = self._ports.get(port) or int(port)
        reader, writer = await self._way.connect(number)
        try:
            asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            writer.write(asked.encode())
            status = (await reader.readline()).split()
        finally:
            writer.close()
        if len(status) < 2 or not status[0].startswith(b"HTTP/"):
            return f"port {number} does not speak HTTP"
        if not status[1].startswith((b"2", b"3")):
            return f"HTTP {status[1][:3].decode('ascii', 'replace')} at {path}"
        return ""

    async def _by_command(self) -> str:
        code = await self._way.check()
        return f"its health command ended with {code}" if code else ""
