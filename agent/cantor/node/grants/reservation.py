"""What a service holds, or waits for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import GrantError
from cantor.base.ids import short_name
from cantor.scheduling.grants.claim import Failed, Holds, Lost, Over, Reclaimed, WaitsFor
from cantor.scheduling.reach import never_met

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.errors import NeedsError
    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.claim import Claim, Effect
    from cantor.scheduling.grants.records import Lease


class Reservation:
    """Units of one node or of several, for one attempt of a task.

    ``why`` says what it waits for; ``on_change`` is called when that, or what is held, changes.
    """

    def __init__(self, claim: Claim, now_s: Callable[[], float], drop: Callable[[], None]) -> None:
        self._claim = claim
        self._now_s = now_s
        self._drop = drop
        self._known = asyncio.Event()
        self._over = asyncio.Event()
        self._failure: Failed | None = None
        self._changed: list[Callable[[], None]] = []
        self.why = ""
        self.is_lost = False
        self.is_wanted_back = False
        """It is held, but others are owed it: end what uses it, and drop it."""

    @property
    def task(self) -> str:
        """What holds."""
        return self._claim.task

    @property
    def attempt(self) -> int:
        """Its attempt."""
        return self._claim.attempt

    @property
    def is_held(self) -> bool:
        """Whether everything is held at this moment; check it before what must not happen twice."""
        return self._claim.is_valid(self._now_s())

    @property
    def leases(self) -> Mapping[NodeId, Lease]:
        """What is held, by node: units, amounts and fencing tokens."""
        return self._claim.leases

    @property
    def error(self) -> GrantError | NeedsError | None:
        """Why it cannot be had, if it cannot."""
        if self._failure is None:
            return None
        refused, where = self._failure.refused, short_name(self._failure.node)
        if refused.why == "never":
            return never_met(refused.text, where=where)
        return GrantError(
            refused.text, where=where, remedy="try again; cantor resources shows who holds what"
        )

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` when it is held, waits for another, fails, is lost or wanted back."""
        self._changed.append(changed)

    async def held(self, timeout_s: float | None = None) -> Reservation:
        """Wait until everything is held.

        Raises:
            NeedsError: it can never be met.
            GrantError: it was refused, lost, or not granted in ``timeout_s``; nothing is held then.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._known.wait()
        except TimeoutError as error:
            self.drop()
            raise GrantError(
                f"not granted in {timeout_s} s: {self.why or 'no answer'}",
                where=self.task,
                remedy="wait longer, or end what holds it: cantor resources",
            ) from error
        except asyncio.CancelledError:
            self.drop()
            raise
        if self.error is not None:
            raise self.error
        if not self.is_held:
            raise GrantError(self.why or "it was given back", where=self.task)
        return self

    def drop(self) -> None:
        """Give everything back, soon; use nothing of it any more."""
        self._drop()
        self._known.set()

    async def release(self) -> None:
        """Give everything back, and wait until the owners know or their leases have run out."""
        self.drop()
        await self._over.wait()

    def heard(self, effect: Effect) -> None:
        """The claim goes on."""
        self._take(effect)
        for changed in list(self._changed):
            changed()

    def _take(self, effect: Effect) -> None:
        match effect:
            case WaitsFor(_, why):
                self.why = why
            case Holds():
                self.why = ""
                self._known.set()
            case Failed():
                self._failure = effect
                self.why = effect.refused.text
                self._known.set()
            case Lost(_, why):
                self.is_lost, self.why = True, why
                self._known.set()
            case Reclaimed(_, why):
                self.is_wanted_back, self.why = True, why
            case Over():
                self._over.set()
