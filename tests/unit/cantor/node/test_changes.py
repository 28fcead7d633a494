from __future__ import annotations

import asyncio

import pytest

from cantor.base.errors import ConfigError
from cantor.node import changes
from cantor.node.changes import Changes


async def test_who_knows_an_older_count_is_answered_at_once() -> None:
    view = Changes(lambda: b"\x01\xff")
    view.changed()

    assert await view({}) == {"count": 1, "ledger": "01ff"}
    assert await view({"after": 0}) == {"count": 1, "ledger": "01ff"}
    assert await view({"after": 7}) == {"count": 1, "ledger": "01ff"}  # of the node's life before


async def test_who_knows_the_count_waits_for_the_next_change() -> None:
    view = Changes(lambda: b"")
    waiting = [asyncio.ensure_future(view({"after": 0})) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)

    view.changed()

    assert await asyncio.gather(*waiting) == [{"count": 1, "ledger": ""}] * 2


async def test_the_wait_ends_without_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "WAIT_MAX_S", 0.0)

    assert await Changes(lambda: b"")({"after": 0}) == {"count": 0, "ledger": ""}


async def test_a_count_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a count"):
        await Changes(lambda: b"")({"after": "now"})
