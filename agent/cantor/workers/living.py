"""The actors that live in workers of this program, by their address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from cantor.workers.errors import PoolClosedError
from cantor.workers.units import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
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


def knows_mesh(backend: Backend | None) -> bool:
    """Whether it can reach actors on the nodes of a mesh."""
    return getattr(backend, "knows_mesh", False)


def is_on_mesh(address: str) -> bool:
    """Whether it is that of an actor on a node of a mesh: it begins with the node that keeps it."""
    return "/" in address


def no_mesh(where: str) -> UnavailableError:
    """The error of who asks for what nodes keep, and is connected to none."""
    return UnavailableError(
        "there is no node here that keeps anything", where=where,
        remedy="use with cantor.connect(): around it",
    )  # fmt: skip


def backend_for(terms: Terms, others: Callable[[], Backend]) -> Backend:
    """Who takes what is submitted under these terms: an actor that lives here, or ``others``.

    Raises:
        PoolClosedError: it is a call of an actor that cannot be reached.
        UnavailableError: it is a question for a mesh, and there is none.
    """
    if terms.asks and not knows_mesh(others()):
        raise no_mesh(terms.name)
    if terms.actor and not (is_on_mesh(terms.actor) and knows_mesh(others())):
        return must_live(terms.actor, terms.name)
    return others()


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
