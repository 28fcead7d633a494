"""Whoever opens a device refuses a holder that has been overtaken."""

from __future__ import annotations

from cantor.base.errors import DeviceError


class Fence:
    """Remembers the highest token that each unit was opened with."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def check(self, unit: str, token: int) -> None:
        """Let a holder in.

        Raises:
            DeviceError: somebody with a later grant was here before.
        """
        highest = self._highest.get(unit, 0)
        if token < highest:
            raise DeviceError(
                f"the grant {token} was overtaken by {highest}",
                where=unit,
                remedy="end this work: its lease is over; a new attempt gets a new grant",
            )
        self._highest[unit] = token
