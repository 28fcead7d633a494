"""The actors that live in workers of this program, by their address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.workers.errors import PoolClosedError
from cantor.workers.units import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.pool import Pool
    from cantor.workers.units import Listener, Shipped, Terms, Unit

_living: dict[str, Living] = {}


@dataclass(frozen=True, slots=True)
class Living:
    """One actor: a backend for calls of its methods. ``code`` is its class."""

    pool: Pool
    code: Shipped

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Unit:
        """Take one call of a method.

        Raises:
            PoolClosedError: the actor was closed.
        """
        return self.pool.submit(self.code, body, buffers, listener, terms)

    def cancel(self, unit: Unit) -> None:
        """End a call."""
        self.pool.cancel(unit)

    def credit(self, unit: Unit, count: int) -> None:
        """Methods give one result, and no items."""


def lives(address: str, actor: Living) -> None:
    """An actor lives here from now on."""
    _living[address] = actor


def lives_no_more(address: str) -> None:
    """It was closed."""
    _living.pop(address, None)


def living(address: str) -> Living | None:
    """The actor of that address, if it lives here."""
    return _living.get(address)


def must_live(address: str, name: str) -> Living:
    """The actor of that address.

    Raises:
        PoolClosedError: it does not live here.
    """
    found = living(address)
    if found is None:
        raise PoolClosedError(
            "the actor was closed, or lives in another program", where=name,
            remedy="keep it open where it was started; its handle is of use there and in tasks",
        )  # fmt: skip
    return found
