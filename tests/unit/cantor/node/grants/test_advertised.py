"""What programs advertise ends with them, however they end."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource
from cantor.node.grants.advertised import ADVERTISED_MAX, AGENT, Advertised

if TYPE_CHECKING:
    from collections.abc import Sequence

SLEEPS = (sys.executable, "-c", "import sys; sys.stdin.read()")


class Told:
    """The resources that were told last; ``changed`` after each."""

    def __init__(self) -> None:
        self.there: list[Resource] = []
        self.changed = asyncio.Event()

    def __call__(self, given: Sequence[Resource]) -> None:
        self.there = list(given)
        self.changed.set()


def licence(units: int) -> Resource:
    return Resource("Licence", "quantity", units)


async def test_what_two_programs_have_adds_up_and_goes_with_each() -> None:
    told = Told()
    advertised = Advertised(told)
    first, second = [
        await asyncio.create_subprocess_exec(*SLEEPS, stdin=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    advertised.add(first.pid, licence(4))
    advertised.add(second.pid, licence(1))
    advertised.add(AGENT, Resource("Stays", "condition", value=True))
    assert licence(5) in told.there

    told.changed.clear()
    first.kill()
    async with asyncio.timeout(10):
        await told.changed.wait()
        assert licence(1) in told.there
        told.changed.clear()
        await second.communicate(b"")
        await told.changed.wait()
    await first.wait()

    assert told.there == [Resource("Stays", "condition", value=True)]
    assert advertised.names == ["Stays"]


async def test_a_program_says_it_anew_or_takes_it_back() -> None:
    told = Told()
    advertised = Advertised(told)
    advertised.add(os.getpid(), licence(4))
    advertised.add(os.getpid(), licence(2))
    assert told.there == [licence(2)]
    advertised.withdraw(os.getpid(), "Licence")
    assert told.there == []


async def test_who_cannot_be_seen_and_who_says_too_much_is_refused() -> None:
    advertised = Advertised(Told())
    process = await asyncio.create_subprocess_exec(*SLEEPS, stdin=asyncio.subprocess.PIPE)
    await process.communicate(b"")
    with pytest.raises(ConfigError, match="cannot be seen"):
        advertised.add(process.pid, licence(1))
    for number in range(ADVERTISED_MAX):
        advertised.add(AGENT, Resource(f"R{number}", "quantity", 1))
    with pytest.raises(ConfigError, match="256 resources are advertised already"):
        advertised.add(AGENT, licence(1))
