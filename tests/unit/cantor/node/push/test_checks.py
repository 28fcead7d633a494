"""How a service shows that it is well, and that it is no more."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from cantor.node.push import checks
from cantor.node.push.checks import FAILURES, Checks
from cantor.node.push.outside import Outside
from cantor.services.manifest import Health, Manifest

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WAIT_S = 20.0


class Patient:
    """Hears how a service is."""

    def __init__(self) -> None:
        self.is_well = asyncio.Event()
        self.is_ill = asyncio.Event()
        self.why = ""

    def well(self) -> None:
        assert not self.is_well.is_set()
        self.is_well.set()

    def ill(self, why: str) -> None:
        self.why = why
        self.is_ill.set()


def made(folder: Path, patient: Patient, health: Health, **ports: int) -> Checks:
    way = Outside(folder, dict(os.environ), health.command)
    return Checks(Manifest(health=health), ports, way, patient)


async def test_a_text_that_it_prints_shows_that_it_is_ready(tmp_path: Path) -> None:
    patient = Patient()
    asked = made(tmp_path, patient, Health(ready="listening on"))
    running = asyncio.ensure_future(asked.run())

    asked.printed(["starting"])
    await asyncio.sleep(0)
    assert not patient.is_well.is_set()
    asked.printed(["now", "listening on 8080"])
    await asyncio.wait_for(running, WAIT_S)

    assert patient.is_well.is_set()


async def test_by_http_it_is_well_until_it_fails_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "EAGER_S", 0.01)
    answers = [b"HTTP/1.1 503 no", b"SSH-2.0", b"HTTP/1.1 204 ok"]
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        answer = answers.pop(0) if answers else b"HTTP/1.1 500 broken"
        writer.write(answer + b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    patient = Patient()
    port = server.sockets[0].getsockname()[1]
    await asyncio.wait_for(
        made(tmp_path, patient, Health(http="web/health", every_s=0.01), web=port).run(), WAIT_S
    )
    server.close()

    assert patient.is_well.is_set()
    assert patient.why == "HTTP 500 at /health"
    assert len(asked) == 3 + FAILURES
    assert set(asked) == {b"GET /health HTTP/1.1\r\n"}


async def test_by_a_command_it_is_asked_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "EAGER_S", 0.01)
    line = "import os, sys; sys.exit(0 if os.path.exists('ready') else 3)"
    patient = Patient()
    health = Health(command=(sys.executable, "-c", line), every_s=0.01)
    running = asyncio.ensure_future(made(tmp_path, patient, health).run())

    (tmp_path / "ready").touch()
    await asyncio.wait_for(patient.is_well.wait(), WAIT_S)
    (tmp_path / "ready").unlink()
    await asyncio.wait_for(running, WAIT_S)

    assert patient.why == "its health command ended with 3"
