from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import CantorError, UnavailableError
from cantor.node.control import SOCKET_NAME, ControlServer, ask
from cantor.wire.frame import HEADERS_BYTES_MAX

if TYPE_CHECKING:
    from pathlib import Path


async def test_one_folder_has_one_agent_even_if_that_is_too_busy_to_answer(tmp_path: Path) -> None:
    first = ControlServer(tmp_path, {"who": lambda _: 1})
    second = ControlServer(tmp_path, {"who": lambda _: 2})
    await first.start()
    (tmp_path / SOCKET_NAME).rename(tmp_path / "away")  # as good as silent

    with pytest.raises(UnavailableError, match="runs already"):
        await second.start()

    await first.close()
    await second.start()
    assert await ask(tmp_path, "who") == 2
    await second.close()


async def test_a_socket_left_by_a_killed_agent_is_replaced(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).touch()
    server = ControlServer(tmp_path, {"who": lambda _: "me"})

    await server.start()

    assert await ask(tmp_path, "who") == "me"
    await server.close()


async def test_an_answer_that_is_too_large_is_refused_and_not_taken_for_no_agent(
    tmp_path: Path,
) -> None:
    server = ControlServer(tmp_path, {"all": lambda _: bytes(HEADERS_BYTES_MAX)})
    await server.start()

    with pytest.raises(CantorError, match="headers") as refused:
        await ask(tmp_path, "all")

    assert not isinstance(refused.value, UnavailableError)
    await server.close()
