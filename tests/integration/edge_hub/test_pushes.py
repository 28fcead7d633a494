"""What is pushed in the console and runs on the hub's machine is closed in there."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.address import Address
from cantor.bundles.tree import File, pack
from cantor.identity.authority import Authority
from edge_hub.membership import join_mesh
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from pathlib import Path

    from edge_hub.membership import AgentMembership

pytestmark = pytest.mark.integration
LOOPBACK = Address("127.0.0.1", 0)
LOOKS = """
import os, time
print("sees the hub's key:", os.path.exists(os.environ["LOOK"]), flush=True)
print("has looked", flush=True)
time.sleep(600)
"""


async def pushed(membership: AgentMembership, folder: Path, look: Path) -> list[str]:
    """Push as the console does, and wait until it runs; what it printed."""
    manifest = f"health: {{ready: has looked, hold: 50ms}}\nenvironment: {{LOOK: '{look}'}}\n"
    files = {"main.py": File(LOOKS.encode()), "service.yaml": File(manifest.encode())}
    blob = folder / "blob"
    blob.write_bytes(pack(files))
    control = membership.pushed
    assert control is not None
    changed = asyncio.Event()
    end = membership.view.subscribe(changed.set)
    await control.ask("push", name="looks", files={"": str(blob)})
    async with asyncio.timeout(60):
        while [row["state"] for row in rows(control.views())] != ["running"]:
            await changed.wait()
            changed.clear()
    end()
    (answer,) = await control.ask("logs", name="looks")
    lines: list[str] = answer["lines"]
    return lines


def rows(views: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (as the node tells)
    return [row for view in views for row in view["nodes"]]


@pytest.mark.parametrize(
    ("texts", "closed", "sees"),
    [
        ((), ", closed in: full;", False),
        (("net",), ", closed in: net;", False),
        (("own=none",), "", True),
    ],
)
async def test_a_push_of_the_console_runs_as_closed_as_code_of_others(
    tmp_path: Path, texts: tuple[str, ...], closed: str, *, sees: bool
) -> None:
    authority = Authority.create("plant.example", now=dt.datetime.now(dt.UTC))
    settings = HubSettings(
        tmp_path / "hub", LOOPBACK, LOOPBACK, mesh=("127.0.0.1:0",), interfaces=("127.0.0.1",),
        sandbox=texts,
    )  # fmt: skip
    membership = await join_mesh(settings, authority)
    key = next(path for path in settings.node_folder.rglob("*key*") if path.is_file())
    try:
        told = "\n".join(await pushed(membership, tmp_path, key))
    finally:
        await membership.close()

    assert f"revision 1 is started{closed}" in told
    assert (", closed in" in told) == bool(closed)
    assert f"sees the hub's key: {sees}" in told
