from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import (
    CantorError,
    ConfigError,
    IdentityError,
    RemoteProtocolError,
    UnavailableError,
)

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World

SECRET = "/var/lib/secret/key.pem"


async def test_a_body_that_is_not_what_it_says_is_refused(world: World) -> None:
    encoding = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    for url in (world.url("/sign-in"), f"https://{world.hub.enrol}/enrol"):
        headers = {**world.unsafe, **encoding}
        async with world.browser.post(url, data=b"{}", headers=headers, ssl=False) as reply:
            assert reply.status == 400
            assert (await reply.json(content_type=None))["detail"] == "the body cannot be read"
            assert reply.headers["Server"] == "cantor"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnavailableError("no answer", where=SECRET), 503),
        (RemoteProtocolError(f"traceback of {SECRET}", where=SECRET), 502),
        (IdentityError("cannot be read", where=SECRET), 500),
        (ConfigError("damaged", where=SECRET), 500),
        (CantorError(SECRET), 500),
        (RuntimeError(SECRET), 500),
        (OSError(2, "No such file", SECRET), 500),
    ],
)
async def test_what_fails_inside_stays_inside(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(_pipeline: object) -> None:
        raise error

    monkeypatch.setattr(world.pipelines, "plan", fail)

    got, problem = await world.call("GET", "/templates")

    assert got == status
    assert "secret" not in str(problem).lower()
    assert len(str(problem["trace_id"])) == 16
