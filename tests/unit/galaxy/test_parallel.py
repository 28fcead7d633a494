from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

import pytest

import galaxy
from cantor.base.errors import ConfigError
from galaxy import FRAME, FilterError, Frame, Pin
from galaxy.builder import PipelineBuilder
from galaxy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WAIT_S = 5.0


class Numbers(galaxy.BaseSource):
    outputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
    count = galaxy.Param(int, 5, minimum=0)
    hold = galaxy.Param(bool, False)

    def frames(self, ctx: galaxy.Context) -> Iterator[Frame]:
        for seq in range(self.count):
            yield Frame("n", seq, None, captured_s=ctx.clock.monotonic(), captured_wall_s=0.0)
        if self.hold:
            ctx.wait(WAIT_S)


class Camera(Numbers):
    live: ClassVar[bool] = True


def pass_it(frame: Frame) -> None:
    """A frame that needs no work."""


class Busy(galaxy.BaseFilter):
    concurrent: ClassVar[bool] = True
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
    outputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
    parallel = galaxy.Param(int, 1, minimum=1, maximum=64)
    level = galaxy.Param(int, 1, minimum=0, maximum=9, live=True)

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self.act: Callable[[Frame], None] = pass_it
        self.levels: list[int] = []
        self.pins: list[str] = []
        self.closed = False

    def process(self, frame: Frame, ctx: galaxy.Context) -> Frame:
        assert not self.closed
        self.pins.append(ctx.pin)
        self.act(frame)
        self.levels.append(self.level)
        return frame

    def close(self) -> None:
        self.closed = True


class Keep(galaxy.BaseFilter):
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self.seen: list[int] = []
        self.threads: set[str] = set()
        self.changed = threading.Condition()

    def process(self, frame: Frame, ctx: galaxy.Context) -> None:
        with self.changed:
            self.seen.append(frame.seq)
            self.threads.add(threading.current_thread().name)
            self.changed.notify_all()

    def until(self, count: int) -> bool:
        """Whether so many have come in time."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.seen) >= count, WAIT_S)


def built(
    parallel: int = 2, *, source: type[Numbers] = Numbers, weak: bool = True, **params: object
) -> tuple[Runtime, Busy, Keep]:
    build = PipelineBuilder("parallel")
    numbers = build.add("numbers", source, params=params)
    busy = build.add("busy", Busy, params={"parallel": parallel})
    keep = build.add("keep", Keep)
    build.connect(numbers["frame"], busy["frame"], kind="weak" if weak else "strong")
    build.connect(busy["frame"], keep["frame"])
    runtime = Runtime(build.build(), registry=build.registry)
    found = {name: stage.instance for name, stage in runtime._stages.items()}
    worker, sink = found["busy"], found["keep"]
    assert isinstance(worker, Busy)
    assert isinstance(sink, Keep)
    return runtime, worker, sink


@pytest.mark.parametrize("weak", [True, False])
@pytest.mark.parametrize("parallel", [1, 2, 5])
def test_every_frame_leaves_once_in_order_and_in_one_thread(parallel: int, weak: bool) -> None:
    runtime, busy, keep = built(parallel, weak=weak, count=101)

    snapshot = runtime.run()

    assert snapshot.state == "finished"
    assert keep.seen == list(range(101))
    assert len(keep.threads) == 1
    assert set(busy.pins) == {"frame"}
    figures = snapshot.filters["busy"]
    assert (figures.frames_in, figures.frames_out, figures.run_ms.count) == (101, 101, 101)
    assert [one.name for one in threading.enumerate() if one.name.startswith("galaxy:busy")] == []


def test_several_frames_are_handled_at_once_and_a_fast_one_waits_for_a_slow_one() -> None:
    runtime, busy, keep = built(2, count=2)
    second_done = threading.Event()

    def act(frame: Frame) -> None:
        if frame.seq == 0:
            assert second_done.wait(WAIT_S)
        else:
            second_done.set()

    busy.act = act
    runtime.run()

    assert keep.seen == [0, 1]


def test_no_more_frames_are_begun_than_asked() -> None:
    runtime, busy, keep = built(3, count=40)
    lock = threading.Lock()
    now, most = 0, 0

    def act(frame: Frame) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        with lock:
            now -= 1

    busy.act = act
    runtime.run()

    assert most <= 3
    assert len(keep.seen) == 40


def test_a_frame_that_is_done_does_not_wait_for_another_to_come() -> None:
    runtime, _, keep = built(4, source=Camera, count=1, hold=True)
    runtime.start()

    assert keep.until(1)

    assert runtime.stop()


def test_a_failure_names_the_filter_and_what_is_under_way_ends_before_it_is_closed() -> None:
    runtime, busy, keep = built(2, count=9)

    def act(frame: Frame) -> None:
        if frame.seq == 3:
            message = "no light"
            raise ValueError(message)

    busy.act = act
    with pytest.raises(FilterError, match="filter busy on node local: ValueError: no light"):
        runtime.run()

    assert keep.seen == [0, 1, 2]
    assert busy.closed


def test_stopping_passes_on_what_is_under_way() -> None:
    runtime, busy, keep = built(2, count=9)
    both, go = threading.Barrier(3), threading.Event()

    def act(frame: Frame) -> None:
        if frame.seq < 2:
            both.wait(WAIT_S)
            assert go.wait(WAIT_S)

    busy.act = act
    runtime.start()
    both.wait(WAIT_S)
    runtime.stop(0.0)
    go.set()

    assert runtime.join(WAIT_S)
    assert runtime.state == "stopped"
    assert keep.seen[:2] == [0, 1]


def test_a_live_parameter_changes_when_no_frame_is_under_way() -> None:
    runtime, busy, _ = built(2, count=4)
    first = threading.Event()

    def act(frame: Frame) -> None:
        if frame.seq == 0:
            runtime.set_param("busy", "level", 7)
            first.set()
        assert first.wait(WAIT_S)

    busy.act = act
    runtime.run()

    assert set(busy.levels) <= {1, 7}
    assert busy.levels[-1] == 7
    assert busy.levels == sorted(busy.levels)


def test_in_the_thread_of_a_live_source_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"parallel: .* live source numbers"):
        built(2, source=Camera, weak=False)

    built(1, source=Camera, weak=False)
