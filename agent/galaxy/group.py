"""A strong group: filters that run in one thread and pass frames by reference."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING

from galaxy.errors import FilterError
from galaxy.figures import FilterFigures, Recorder
from galaxy.filter import BaseSource, frames_at_once
from galaxy.frame import Frame, Timing
from galaxy.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cantor.base.clock import Clock
    from galaxy.context import Context
    from galaxy.edges import EdgeTransport
    from galaxy.filter import BaseFilter, Output
    from galaxy.params import JsonValue


class Stage:
    """One filter at work: its instance, where its outputs go, and its figures."""

    def __init__(self, name: str, instance: BaseFilter, ctx: Context) -> None:
        self.name = name
        self.instance = instance
        self.ctx = ctx
        self.strong: dict[str, list[tuple[Stage, str]]] = {}
        self.weak: dict[str, list[EdgeTransport]] = {}
        self.changed_params: dict[str, object] = {}
        self.report: dict[str, JsonValue] = {}
        self._frames_in = self._frames_out = 0
        self._first_s = self._last_s = 0.0
        self._run_ms = Recorder()
        self._age_ms = Recorder()
        self._window: Window[tuple[Output, float, float]] | None = None

    @property
    def is_sink(self) -> bool:
        """Whether nothing follows."""
        return not (self.strong or self.weak)

    def run(self, frame: Frame, pin: str, clock: Clock) -> None:
        """Process a frame and everything in this thread that follows from it.

        Raises:
            FilterError: this filter or one that follows failed.
        """
        self._frames_in += 1
        if self._window is not None:
            self._begin(self._window, frame, pin, clock)
            return
        self.ctx.pin = pin
        started_s = clock.monotonic()
        with blame(self):
            self.apply_params()
            output = self.instance.process(frame, self.ctx)
        ended_s = clock.monotonic()
        self._finish(frame, output, (ended_s - started_s) * 1000, ended_s, clock)

    def open(self, wake: Callable[[], None]) -> None:
        """Open the filter; ``wake`` is called when one of several frames at once is done.

        Raises:
            FilterError: it cannot run here.
        """
        with blame(self):
            self.instance.open(self.ctx)
            at_once = frames_at_once(type(self.instance), self.instance.param_values)
            if at_once > 1:
                self._window = Window(self.name, at_once, wake)

    def pass_on(self, clock: Clock, *, leave: int | None = None) -> None:
        """Pass on the frames that are done, in order; wait until at most ``leave`` are not.

        Raises:
            FilterError: this filter or one that follows failed.
        """
        window = self._window
        if window is None:
            return
        while (taken := window.take(leave=window.size if leave is None else leave)) is not None:
            frame, done = taken
            with blame(self):
                output, run_ms, ended_s = done.result()
            self._finish(frame, output, run_ms, ended_s, clock)

    @property
    def under_way(self) -> int:
        """Frames handled in other threads now."""
        return len(self._window) if self._window is not None else 0

    def close(self) -> None:
        """Close the filter when it works on nothing any more, and keep its last report.

        Raises:
            FilterError: it could not be closed.
        """
        if self._window is not None:
            self._window.close()
        with blame(self):
            self.report = self.instance.report()
            self.instance.close()

    def _begin(
        self, window: Window[tuple[Output, float, float]], frame: Frame, pin: str, clock: Clock
    ) -> None:
        """Start on a frame; there is room for the next one, in the freshest state, afterwards."""
        if self.changed_params:
            self.pass_on(clock, leave=0)  # parameters change between two frames
            with blame(self):
                self.apply_params()
        ctx = copy(self.ctx)
        ctx.pin = pin

        def work() -> tuple[Output, float, float]:
            started_s = clock.monotonic()
            output = self.instance.process(frame, ctx)
            ended_s = clock.monotonic()
            return output, (ended_s - started_s) * 1000, ended_s

        window.put(frame, work)
        self.pass_on(clock, leave=window.size - 1)

    def _finish(
        self, frame: Frame, output: Output, run_ms: float, ended_s: float, clock: Clock
    ) -> None:
        self._handled(ended_s)
        if self.is_sink:
            self._age_ms.add((ended_s - frame.captured_s) * 1000)
        for out_pin, produced in self._each(output):
            self._emit(out_pin, produced, run_ms, clock)
        self._run_ms.add(run_ms)

    def emit_source(self, frame: Frame, run_ms: float, clock: Clock) -> None:
        """Pass on a frame that this source has made."""
        self._run_ms.add(run_ms)
        self._handled(clock.monotonic())
        self._emit(self._only_output(), frame, run_ms, clock)

    def apply_params(self) -> None:
        """Take over live parameters that were changed since the last frame."""
        if self.changed_params:
            changed, self.changed_params = self.changed_params, {}
            self.instance.param_values.update(changed)  # type: ignore[arg-type] # checked values
            self.instance.on_params(frozenset(changed))

    def live_report(self) -> dict[str, JsonValue]:
        """What the filter says now; nothing if it cannot say it at this moment."""
        try:
            return self.instance.live_report()
        except Exception:  # noqa: BLE001 (asked from another thread, in the middle of its work)
            return {}

    def figures(self) -> FilterFigures:
        """Frames and times so far."""
        return FilterFigures(
            self._frames_in,
            self._frames_out,
            self._run_ms.summary(),
            self._age_ms.summary(),
            dict(self.ctx.counters),
            self._mean_fps(),
        )

    def _mean_fps(self) -> float:
        handled = max(self._frames_in, self._frames_out if not self._frames_in else 0)
        elapsed_s = self._last_s - self._first_s
        return (handled - 1) / elapsed_s if handled > 1 and elapsed_s > 0 else 0.0

    def _handled(self, now_s: float) -> None:
        self._first_s = self._first_s or now_s
        self._last_s = now_s

    def _emit(self, pin: str, frame: Frame, run_ms: float, clock: Clock) -> None:
        self._frames_out += 1
        timing = Timing(self.name, "run", run_ms)
        stamped = frame.derive(timings=(*frame.timings, timing))
        for edge in self.weak.get(pin, ()):
            edge.send(stamped)
        for stage, input_pin in self.strong.get(pin, ()):
            stage.run(stamped, input_pin, clock)

    def _each(self, output: Output) -> Iterator[tuple[str, Frame]]:
        if output is None:
            return
        if isinstance(output, Frame):
            yield self._only_output(), output
        elif isinstance(output, Mapping):
            for pin in output:
                if pin not in self.instance.outputs:
                    raise self.error(ValueError(f"it gave a frame for {pin!r}, no output of it"))
            yield from output.items()
        else:
            pin = self._only_output()
            while True:
                with blame(self):
                    produced = next(output, None)
                if produced is None:
                    return
                yield pin, produced

    def _only_output(self) -> str:
        pins = tuple(self.instance.outputs)
        if len(pins) != 1:
            raise self.error(
                ValueError("it must name the pin of each frame: it has no single output")
            )
        return pins[0]

    def error(self, cause: Exception) -> FilterError:
        """The failure of this filter, with its name and node."""
        what = getattr(cause, "what", None) or f"{type(cause).__name__}: {cause}"
        inner = getattr(cause, "where", "")
        return FilterError(
            f"{inner}: {what}" if inner else what,
            where=f"filter {self.name} on node {self.ctx.node}",
            remedy=getattr(cause, "remedy", ""),
            cause=cause,
        )


class blame:  # noqa: N801 # reads as a statement: with blame(stage)
    """Turns whatever a filter raises into a :class:`FilterError` that names it."""

    __slots__ = ("_stage",)

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, FilterError):
            raise self._stage.error(error) from error


class Group:
    """The stages of one strong group and the thread that runs them."""

    def __init__(
        self,
        stages: list[Stage],
        *,
        clock: Clock,
        stop: threading.Event,
        frames_max: int,
        done: Callable[[Exception | None], None],
    ) -> None:
        self.stages = stages
        self.inbox: list[tuple[EdgeTransport, Stage, str]] = []
        self.outbox: list[EdgeTransport] = []
        self.opened = threading.Event()
        self._clock = clock
        self._stop = stop
        self._frames_max = frames_max
        self._done = done
        self._go = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(
            target=self._main, name=f"galaxy:{stages[0].name}", daemon=True
        )

    def start(self) -> None:
        """Start the thread; it opens the filters, then waits for :meth:`release`."""
        for edge, _, _ in self.inbox:
            edge.subscribe(self._news.set)
        self._thread.start()

    def release(self) -> None:
        """Let frames flow."""
        self._go.set()

    def wake(self) -> None:
        """Look again whether the run is to end."""
        self._go.set()
        self._news.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; True if it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _main(self) -> None:
        error: Exception | None = None
        try:
            self._open()
            self._go.wait()
            if not self._stop.is_set():
                self._run()
        except Exception as failure:  # noqa: BLE001 # a filter may raise anything; the run must end
            error = failure
        closing = self._close()
        self.opened.set()
        if error is None and closing is None:  # what broke off has no end: others must not finish
            for edge in self.outbox:
                edge.finish()
        self._done(error or closing)

    def _open(self) -> None:
        for stage in self.stages:
            stage.open(self._news.set)
        self.opened.set()

    def _run(self) -> None:
        sources = [stage for stage in self.stages if isinstance(stage.instance, BaseSource)]
        if sources:
            self._run_source(sources[0], sources[0].instance)
        else:
            self._run_inbox()
        while any(stage.under_way for stage in self.stages):
            for stage in self.stages:
                stage.pass_on(self._clock, leave=0)

    def _run_source(self, stage: Stage, source: BaseFilter) -> None:
        if not isinstance(source, BaseSource):
            return
        with blame(stage):
            frames = source.frames(stage.ctx)
        count = 0
        while not self._stop.is_set() and (not self._frames_max or count < self._frames_max):
            started_s = self._clock.monotonic()
            with blame(stage):
                stage.apply_params()
                frame = next(frames, None)
            if frame is None:
                return
            count += 1
            stage.emit_source(frame, (self._clock.monotonic() - started_s) * 1000, self._clock)

    def _run_inbox(self) -> None:
        while not self._stop.is_set():
            self._news.clear()
            took = False
            for edge, stage, pin in self.inbox:
                frame = edge.receive()
                if frame is not None:
                    took = True
                    stage.run(frame, pin, self._clock)
            for stage in self.stages:
                stage.pass_on(self._clock)
            if took:
                continue
            if all(edge.ended for edge, _, _ in self.inbox):
                return
            self._news.wait()

    def _close(self) -> Exception | None:
        first: Exception | None = None
        for stage in reversed(self.stages):
            try:
                stage.close()
            except FilterError as error:
                first = first or error
        return first
