"""How closed code runs on this node: what its owner wants, and what its machine can give.

What the machine can give is found once, by making a sandbox and leaving it, in a thread beside the
start of the node. Nothing ever runs less closed than it shall: what cannot be given is refused.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.base.resources import Resource
from cantor.workers.sandbox.levels import LEVELS, Limits, Sandbox, level_named, more_closed
from cantor.workers.sandbox.rules import Rules
from cantor.workers.sandbox.trial import try_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value
    from cantor.workers.sandbox.levels import Level
    from cantor.workers.sandbox.trial import Trial

CONDITION = "Sandbox"
"""The resource by which work can ask for it: ``Sandbox == "full"``."""
_log = logging.getLogger(__name__)


class Sandboxes:
    """On the event loop only."""

    def __init__(
        self,
        me: NodeId,
        folder: Path,
        rules: Rules | None = None,
        try_out: Callable[[Level], Trial] = try_level,
    ) -> None:
        """``folder`` is the node's own: nothing that is closed sees it."""
        self.rules = rules or Rules()
        self._me = me
        self._folder = folder
        self._try_out = try_out
        self._trials: dict[Level, Trial] = {}
        self._tried = asyncio.Event()

    async def try_all(self) -> None:
        """Find what this machine can give: takes some tenths of a second, in a thread."""
        self.learn(await asyncio.to_thread(self._try_levels))
        best = self._trials[self.best]
        extra = {"level": best.level, "landlock": best.landlock}
        _log.info("the sandbox that this machine gives", extra=extra)

    def learn(self, trials: Iterable[Trial]) -> None:
        """What it can give is known."""
        self._trials = {trial.level: trial for trial in trials}
        self._tried.set()

    async def tried(self) -> None:
        """Wait until that is known."""
        await self._tried.wait()

    @property
    def is_tried(self) -> bool:
        """Whether it is known."""
        return self._tried.is_set()

    @property
    def best(self) -> Level:
        """The most closed level that this machine can give; once it is known."""
        return next(level for level in LEVELS if level in self._trials and self._gives(level))

    @property
    def resources(self) -> Sequence[Resource]:
        """What work may ask for: the most closed level that this machine can give."""
        return (Resource(CONDITION, "condition", self.best),)

    def level_of(self, node: NodeId, at_least: str = "") -> Level:
        """At which level code of a node runs here; never less closed than ``at_least``.

        Raises:
            RemoteProtocolError: that is no level.
        """
        level = self.rules.level_of(node, self._me)
        if not at_least:
            return level
        if at_least not in LEVELS:
            raise RemoteProtocolError(f"no level of the sandbox: {at_least[:40]!r}")
        return more_closed(level, level_named(at_least))

    def why_not(self, level: Level) -> str:
        """Why code of that level cannot run here, and what to do; "" if it can."""
        if level == "none":
            return ""
        trial = self._trials.get(level)
        if trial is None:
            return "it is not known yet what sandbox its machine can give"
        if not trial.obstacle:
            return ""
        softer = [one for one in LEVELS[LEVELS.index(level) + 1 :] if not self.why_not(one)]
        return (
            f"it closes such code at the level {level}, which its machine cannot give:"
            f" {trial.obstacle} ({trial.remedy}; or start its node with"
            f" --sandbox {softer[0]})"
        )

    def why_not_others(self) -> str:
        """Why no code of any other node can run here; "" if some can."""
        reasons = [self.why_not(level) for level in sorted(self.rules.of_others)]
        return "" if "" in reasons else reasons[0]

    def of(
        self,
        level: Level,
        *,
        readable: tuple[Path, ...] = (),
        writable: tuple[Path, ...] = (),
        devices: tuple[Path, ...] = (),
        has_loopback: bool = False,
        limits: Limits | None = None,
    ) -> Sandbox:
        """The sandbox for a process at a level."""
        return Sandbox(
            level,
            readable=readable,
            hidden=(self._folder,),
            devices=devices,
            writable=writable,
            has_loopback=has_loopback,
            limits=limits or Limits(),
        )

    def status(self) -> dict[str, Value]:
        """For ``cantor status``."""
        if not self.is_tried:
            return {"sandbox": "is being tried"}
        why = self.why_not_others()
        return {
            "sandbox": self.best,
            "sandbox_of_others": self.rules.others,
            **({"sandbox_refuses": why} if why else {}),
        }

    def _try_levels(self) -> list[Trial]:
        wanted: set[Level] = {"full", "none", self.rules.own, *self.rules.of_others}
        trials = [self._try_out(level) for level in LEVELS if level in wanted]
        if trials[0].obstacle and "net" not in wanted:
            trials.append(self._try_out("net"))
        return trials

    def _gives(self, level: Level) -> bool:
        return not self._trials[level].obstacle
