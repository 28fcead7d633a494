"""One service on this node: its code is made ready, its processes are kept up, and told about."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.errors import BundleError, CantorError, ConfigError, UnavailableError
from cantor.node.push.levels import level_of
from cantor.node.push.logs import Log
from cantor.node.push.memory import STATE_FILE, Remembered
from cantor.node.push.opener import OPENING_S, Opened, opener_of
from cantor.node.push.running import Running
from cantor.node.push.secrets import ServiceSecrets
from cantor.node.push.shelf import Shelf
from cantor.node.push.supply import Supply
from cantor.node.push.trial import stands_on_trial, tried
from cantor.scheduling.needs import parse
from cantor.scheduling.shares.terms import DEFAULT_PROJECT
from cantor.services.manifest import FILTER, SERVICE
from cantor.services.reports import BAD, Report
from cantor.services.upkeep import Keep, Plan, Start, Stop, Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.node.bundles.service import Bundles
    from cantor.node.late_writer import LateWriter
    from cantor.node.logs.service import Logs
    from cantor.node.push.quota import Quota
    from cantor.node.push.shelf import Prepared
    from cantor.node.secrets.service import State
    from cantor.node.services import Node
    from cantor.services.manifest import Kind
    from cantor.services.orders import Key, Order, Pushes, Revision, Stamp
    from cantor.services.upkeep import Effect
    from cantor.workers.sandbox.levels import Level

    _Asked = tuple[Revision, float, Level, State]

AGAIN_S, AGAIN_MAX_S = 1.0, 30.0
CODES_MAX = 1024
"""Of so many functions, the newest, it is remembered how closed they run."""
_log = logging.getLogger(__name__)


class LocalService:
    """Follows what it is told to run; on the event loop only. ``changed`` hears of every change."""

    def __init__(
        self,
        node: Node,
        bundles: Bundles,
        logs: Logs,
        key: Key,
        folder: Path,
        memory: Remembered,
        writer: LateWriter,
        quota: Quota,
        changed: Callable[[], None],
    ) -> None:
        self.key = key
        self._node = node
        self._folder = folder
        self._memory = memory
        self._writer = writer
        self._quota = quota
        self._changed = changed
        self.log = Log(key, logs.put)
        self._shelf = Shelf(folder)
        self._secrets = ServiceSecrets(node, key)
        self._upkeep: Upkeep | None = None
        self._revisions: dict[Stamp, Revision] = {}
        self._prepared: dict[str, Prepared] = {}
        self._levels: dict[str, Level] = {}
        self._told: dict[str, bytes] = {}
        self._stood = 0
        self._asked: _Asked | None = None
        self._ready: _Asked | None = None
        self._asked_anew = asyncio.Event()
        self._supply = Supply(bundles, self._shelf, key.name, self._asked_anew)
        self._why = ""
        self._working: asyncio.Task[None] | None = None
        self._running: dict[int, Running] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False

    def want(self, revision: Revision | None, hold_s: float) -> None:
        """Run this revision from now on; ``hold_s`` is how long it is on trial, 0 as it says."""
        asked = None
        if revision is not None:
            state = self._secrets.state(self._project, revision)
            asked = revision, hold_s, self.level_of(revision), state
        if asked == self._asked or self._is_closing:
            return
        self._asked, self._why = asked, ""
        self._asked_anew.set()
        if asked is None:
            self._ready = None
            self._secrets.release()
            if self._upkeep is not None:
                self._follow(self._upkeep.want(None, self._now()))
        elif self._working is None:
            self._working = asyncio.ensure_future(self._get_ready())

    def remember(self, order: Order, packed: bytes, seen: Pushes) -> None:
        """Keep an order over restarts, with the pushes that this node has seen."""
        if (packed, seen) != (self._memory.packed_order, self._memory.seen):
            self._memory = replace(self._memory, order=order, packed_order=packed, seen=seen)
            self._write()

    @property
    def kind(self) -> Kind:
        """What it is, by the order that is followed."""
        order = self._memory.order
        return order.kind if order is not None else SERVICE

    def level_of(self, revision: Revision) -> Level:
        """How closed a revision runs, by the order that is followed."""
        order = self._memory.order
        assert order is not None  # noqa: S101 (it is remembered before anything is wanted)
        return level_of(self._node, order, revision, self._memory.seen)

    @property
    def standing(self) -> int:
        """The number of the revision that can be submitted, or placed, here; 0 if none can.

        It stays while its check is made again: what is submitted meanwhile runs.
        """
        report = self._upkeep.report(0.0) if self._upkeep and self._asked else None
        number = report.running if report else 0
        stamped = [plan for _, plan in self._plans() if plan.stamp.number == number]
        if any(self._prepared[plan.bundle].manifest.kind != SERVICE for plan in stamped):
            self._stood = number
        elif report is None or report.state in BAD:
            self._stood = 0
        return self._stood

    @property
    def opened(self) -> Opened | None:
        """The filter that stands here."""
        mine = (one for one in self._revisions.values() if one.stamp.number == self._stood)
        revision = next((one for one in mine if one.bundle in self._told), None)
        if revision is None:
            return None
        prepared, told = self._prepared[revision.bundle], self._told[revision.bundle]
        level, manifest = self.level_of(revision), prepared.manifest
        return Opened(
            *(self.key.name, self._stood, revision.bundle, revision.needs, level, manifest.filters),
            *(prepared.folder, prepared.libraries, told),
        )

    def level_of_code(self, code: str) -> Level | None:
        """How closed a function runs that was pushed here; None if it was not."""
        return self._levels.get(code)

    def run_failed(self, code: str, why: str) -> None:
        """A run of a function, or of classes of a bundle, failed: that counts against its revision
        while it is on trial.
        """
        for number in tried(code, self._running, self._prepared, self._upkeep):
            if self._upkeep is not None:
                self._follow(self._upkeep.ill(number, f"a run failed: {why}"))

    def is_on_trial(self, bundle: str) -> bool:
        """Whether classes of that bundle stand here, and are not known to be good."""
        return stands_on_trial(bundle, self._stood, self._revisions.values(), self._upkeep)

    def report(self, wanted: Stamp, why: str) -> Report | None:
        """How it is; ``wanted`` is what the order says, ``why`` what this node waits for."""
        asked = self._asked
        if asked is None:
            return Report(wanted, "stopping") if self._running else None
        base = self._upkeep.report(0.0) if self._upkeep else None
        running = base.running if base else 0
        if asked[0].stamp != wanted:
            return Report(wanted, "waiting", running, why)
        if base is None or asked != self._ready:
            return Report(wanted, "fetching", running, self._why)
        ports: dict[str, int] = {}
        for run, plan in self._plans():
            if plan.stamp.number == running:
                ports = run.ports
            elif plan.stamp == wanted and run.waits_for and base.state == "starting":
                base = replace(base, state="waiting", why=run.waits_for)
        return replace(base, ports=ports)

    async def close(self) -> None:
        """End its processes; it is remembered."""
        self._is_closing = True
        if self._working is not None:
            self._asked_anew.set()
            await asyncio.gather(self._working, return_exceptions=True)
        if self._upkeep is not None:
            self._follow(self._upkeep.want(None, self._now()))
        await asyncio.gather(*(run.ended() for run in list(self._running.values())))
        if self._timer is not None:
            self._timer.cancel()

    async def remove(self) -> None:
        """End its processes, and forget it with all that it has on the disk."""
        await self.close()
        self._secrets.release()
        await asyncio.to_thread(self._writer.kept)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _get_ready(self) -> None:
        """Make code ready until it is what was asked for last."""
        try:
            while self._asked is not None and self._asked != self._ready and not self._is_closing:
                self._asked_anew.clear()
                await self._make_ready(self._asked)
        except Exception:  # noqa: BLE001 (one service that fails so must not end the others)
            _log.exception("a service could not be made ready", extra={"what": self.key.name})
        finally:
            self._working = None
            if self._asked is not None and self._asked != self._ready and not self._is_closing:
                loop = asyncio.get_running_loop()
                loop.call_later(AGAIN_S, self._work_again)

    def _work_again(self) -> None:
        if self._working is None and not self._is_closing and self._asked != self._ready:
            self._working = asyncio.ensure_future(self._get_ready())

    async def _make_ready(self, asked: _Asked) -> None:
        revision, hold_s, level, _ = asked
        pause_s = AGAIN_S
        upkeep = await self._opened()
        plan: Plan | None = None
        while plan is None:
            try:
                plan = await self._plan(revision, hold_s, level)
            except UnavailableError as error:
                self._say_why(str(error))
                if await self._is_asked_anew(pause_s):
                    return
                pause_s = min(2 * pause_s, AGAIN_MAX_S)
            except (BundleError, ConfigError) as error:
                self._revisions[revision.stamp] = revision
                self._ready = asked
                self.log.note(f"revision {revision.stamp.number} is refused: {error}")
                _log.warning("code is refused", extra={"what": self.key.name, "reason": str(error)})
                refused = Plan(revision.stamp, revision.bundle, level=level)
                self._follow(upkeep.refuse(refused, str(error), self._now()))
                return
        if self._asked == asked and not self._is_closing:
            state = self._secrets.state(self._project, revision)  # it may have been brought now
            self._ready = self._asked = revision, hold_s, level, state
            self._follow(upkeep.want(plan, self._now()))
            await self._tidy()

    async def _opened(self) -> Upkeep:
        """The upkeep, with what was good before this node was started."""
        if self._upkeep is None:
            good, failed = self._memory.good, self._memory.failed
            plan = None
            if good is not None and self._shelf.has(good.bundle):
                with suppress(CantorError):
                    plan = await self._plan(good, 0.0, self.level_of(good))
            self._upkeep = Upkeep(plan, failed)
        return self._upkeep

    async def _plan(self, revision: Revision, hold_s: float, level: Level) -> Plan:
        """What upkeep needs to know of a revision, whose code is here then.

        Raises:
            UnavailableError: nobody gives it, or the disk does not take it.
            BundleError, ConfigError: it cannot be used here.
        """
        if level != "none":
            await self._node.sandboxes.tried()
        if why := self._node.sandboxes.why_not(level):
            raise ConfigError(why)
        if revision.bundle not in self._prepared:
            self._prepared[revision.bundle] = await self._supply.code(revision)
        self._revisions[revision.stamp] = revision
        prepared = self._prepared[revision.bundle]
        manifest, is_service = prepared.manifest, prepared.manifest.kind == SERVICE
        if manifest.kind == FILTER:
            opener_of(self._node)
        secrets = await self._secrets.bring(self._project, revision, manifest)
        self._levels |= {code.id: level for code in prepared.codes.values()}
        for old in list(self._levels)[:-CODES_MAX]:
            del self._levels[old]
        return Plan(
            revision.stamp,
            revision.bundle,
            manifest.restart,
            OPENING_S if manifest.kind == FILTER else manifest.health.within_s,
            hold_s or manifest.health.hold_s,
            manifest.fixed_ports,
            revision.needs if is_service and parse(revision.needs).takes_units else "",
            level,
            secrets,
        )

    async def _is_asked_anew(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._asked_anew.wait()
        return self._asked_anew.is_set()

    async def _tidy(self) -> None:
        stamps = list(self._revisions)
        wanted = [self._revisions[stamp].bundle for stamp in stamps if self._is_used(stamp)]
        for stamp in stamps:
            if not self._is_used(stamp):
                del self._revisions[stamp]
        self._prepared = {one: kept for one, kept in self._prepared.items() if one in wanted}
        self._told = {one: kept for one, kept in self._told.items() if one in wanted}
        await asyncio.to_thread(self._shelf.tidy, wanted)

    def _is_used(self, stamp: Stamp) -> bool:
        good = self._upkeep.good if self._upkeep else None
        used = {stamp for run, plan in self._plans() for stamp in (run.plan.stamp, plan.stamp)}
        return stamp in used or stamp in {
            one.stamp for one in (good, self._asked and self._asked[0]) if one is not None
        }

    def _plans(self) -> list[tuple[Running, Plan]]:
        """The processes, with what they are for now."""
        upkeep = self._upkeep
        found = [(run, upkeep.plan_of(n)) for n, run in self._running.items()] if upkeep else []
        return [(run, plan or run.plan) for run, plan in found]

    def _say_why(self, why: str) -> None:
        self._why = why
        self._changed()

    def _follow(self, effects: list[Effect]) -> None:
        """Do what upkeep wants; then look when it wants to hear of the time again."""
        for effect in effects:
            match effect:
                case Start(number, plan):
                    self._start(number, plan)
                case Stop(number):
                    self._running[number].stop()
                case Keep(good, failed):
                    revision = self._revisions.get(good.stamp) if good else None
                    self._memory = replace(self._memory, good=revision, failed=failed)
                    self._write()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._upkeep.next_at() if self._upkeep else None
        if at is not None and not self._is_closing:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, at - self._now()), self._tick)
        self._changed()

    def _start(self, number: int, plan: Plan) -> None:
        upkeep = self._upkeep
        assert upkeep is not None  # noqa: S101 (it has asked for this)

        def ended(how: str, *, is_success: bool) -> None:
            del self._running[number]
            self.log.note(f"revision {plan.stamp.number}: {how}")
            now = self._now()
            self._follow(upkeep.ended(number, how, is_success=is_success, now=now))

        self._running[number] = Running(
            *(self._node, self.key, self._project, plan, self._prepared[plan.bundle]),
            *(self._folder, self.log, self._quota, self._secrets),
            begun=lambda: self._follow(upkeep.begun(number, self._now())),
            well=lambda: self._well(number, upkeep),
            ill=lambda why: self._follow(upkeep.ill(number, why)),
            ended=ended,
            waits=self._changed,
        )

    @property
    def _project(self) -> str:
        order = self._memory.order
        return order.project if order is not None else DEFAULT_PROJECT

    def _well(self, number: int, upkeep: Upkeep) -> None:
        run = self._running[number]
        if run.told:
            self._told[run.plan.bundle] = run.told
        self._follow(upkeep.well(number, self._now()))

    def _tick(self) -> None:
        self._timer = None
        if self._upkeep is not None:
            self._follow(self._upkeep.tick(self._now()))

    def _write(self) -> None:
        memory = self._memory
        self._writer.put(self._folder / STATE_FILE, memory.packed)

    def _now(self) -> float:
        return self._node.clock.monotonic()
