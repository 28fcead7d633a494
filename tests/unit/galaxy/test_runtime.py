from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

import galaxy
from cantor.base.errors import ConfigError, LocalProtocolError
from galaxy import FRAME, IMAGE, FilterError, Frame, Pin
from galaxy.builder import PipelineBuilder
from galaxy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt


def make_frame(seq: int = 0, captured_s: float = 0.0) -> Frame:
    image = np.zeros((8, 8, 3), np.uint8)
    return Frame("test", seq, image, captured_s=captured_s, captured_wall_s=0.0)


class Numbers(galaxy.BaseSource):
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}
    count = galaxy.Param(int, 5, minimum=0)

    def frames(self, ctx: galaxy.Context) -> Iterator[Frame]:
        for seq in range(self.count):
            yield make_frame(seq)


class Keep(galaxy.BaseFilter):
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
    outputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
    kept: ClassVar[list[Frame]] = []

    def process(self, frame: Frame, ctx: galaxy.Context) -> Frame:
        self.kept.append(frame)
        return frame


@pytest.fixture
def numbers() -> type[Numbers]:
    return Numbers


@pytest.fixture
def keep() -> type[Keep]:
    Keep.kept.clear()
    return Keep


class Fails(galaxy.BaseFilter):
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
    closed: ClassVar[list[str]] = []

    def process(self, frame: Frame, ctx: galaxy.Context) -> None:
        if frame.seq == 2:
            message = "no light"
            raise ValueError(message)

    def close(self) -> None:
        self.closed.append("closed")


class Endless(galaxy.BaseSource):
    live: ClassVar[bool] = True
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(IMAGE)}

    def frames(self, ctx: galaxy.Context) -> Iterator[Frame]:
        seq = 0
        while not ctx.wait(0.001):
            yield Frame("e", seq, None, captured_s=ctx.clock.monotonic(), captured_wall_s=0)
            seq += 1


class Waits(galaxy.BaseFilter):
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
    level = galaxy.Param(int, 1, minimum=0, maximum=9, live=True)
    gate: ClassVar[threading.Event] = threading.Event()
    seen: ClassVar[list[int]] = []

    def process(self, frame: Frame, ctx: galaxy.Context) -> None:
        self.gate.wait(5)
        self.seen.append(self.level)


def chain(
    first: type[galaxy.BaseFilter],
    *others: type[galaxy.BaseFilter],
    kind: str = "strong",
    **params: object,
) -> PipelineBuilder:
    build = PipelineBuilder("chain")
    before = build.add("f0", first, params=params)
    for number, filter_type in enumerate(others, 1):
        after = build.add(f"f{number}", filter_type)
        out = next(iter((first if number == 1 else others[number - 2]).outputs))
        target = next(iter(filter_type.inputs))
        build.connect(before[out], after[target], kind=kind)  # type: ignore[arg-type]
        before = after
    return build


def runtime(build: PipelineBuilder, **options: object) -> Runtime:
    return Runtime(build.build(), registry=build.registry, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["strong", "weak", "task"])
def test_a_file_like_source_delivers_every_frame_once(
    kind: str, numbers: type[Numbers], keep: type[Keep]
) -> None:
    snapshot = runtime(chain(numbers, keep, kind=kind, count=100)).run()
    assert [frame.seq for frame in keep.kept] == list(range(100))
    assert snapshot.state == "finished"
    assert snapshot.filters["f1"].frames_in == 100
    assert snapshot.filters["f1"].age_ms.count == 100


def test_strong_and_weak_edges_in_a_process_copy_no_pixels(keep: type[Keep]) -> None:
    class Origin(Numbers):
        made: ClassVar[list[npt.NDArray[np.uint8]]] = []

        def frames(self, ctx: galaxy.Context) -> Iterator[Frame]:
            image = np.zeros((8, 8, 3), np.uint8)
            self.made.append(image)
            yield Frame("s", 0, image, captured_s=0, captured_wall_s=0)

    build = PipelineBuilder("copies")
    origin = build.add("origin", Origin)
    first, second = build.add("first", keep), build.add("second", keep)
    build.connect(origin["image"], first["frame"])
    build.connect(first["frame"], second["frame"], kind="weak")
    runtime(build).run()
    assert len(keep.kept) == 2
    for frame in keep.kept:
        assert np.shares_memory(frame.pixels(), Origin.made[0])
        assert not frame.pixels().flags.writeable


def test_a_strong_group_runs_in_one_thread(numbers: type[Numbers]) -> None:
    threads: list[int] = []

    class Here(galaxy.BaseFilter):
        inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}
        outputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}

        def process(self, frame: Frame, ctx: galaxy.Context) -> Frame:
            threads.append(threading.get_ident())
            return frame

    runtime(chain(numbers, Here, Here, Here)).run()
    assert len(set(threads)) == 1


@pytest.mark.parametrize("kind", ["strong", "weak"])
def test_a_failing_filter_is_named_with_its_node_and_closed(
    kind: str, numbers: type[Numbers]
) -> None:
    Fails.closed.clear()
    run = runtime(chain(numbers, Fails, kind=kind), node="box-1")
    with pytest.raises(FilterError, match="filter f1 on node box-1: ValueError: no light"):
        run.run()
    assert run.state == "failed"
    assert "no light" in run.snapshot().error
    assert Fails.closed == ["closed"]


def test_a_live_source_keeps_the_latest_and_counts_the_drops() -> None:
    Waits.gate.clear()
    run = runtime(chain(Endless, Waits, kind="weak"))
    run.start()
    name = "f0.image -> f1.frame"
    for _ in range(2000):
        if run.snapshot().edges[name].dropped >= 3:
            break
        threading.Event().wait(0.002)
    Waits.gate.set()
    assert run.stop()
    edge = run.snapshot().edges[name]
    assert (edge.policy, edge.depth) == ("latest", 1)
    assert edge.dropped >= 3
    assert edge.sent == edge.received + edge.dropped + edge.discarded
    assert run.state == "stopped"


def test_many_starts_and_stops_leave_no_thread_behind(keep: type[Keep]) -> None:
    before = threading.active_count()
    for _ in range(100):
        run = runtime(chain(Endless, keep, kind="weak"))
        run.start()
        assert run.stop()
    assert threading.active_count() == before


def test_a_limit_of_frames_ends_the_run_as_finished(
    numbers: type[Numbers], keep: type[Keep]
) -> None:
    snapshot = runtime(chain(numbers, keep, kind="weak", count=50), frames_max=7).run()
    assert (snapshot.state, len(keep.kept)) == ("finished", 7)


def test_a_live_parameter_changes_between_two_frames(numbers: type[Numbers]) -> None:
    Waits.gate.set()
    Waits.seen.clear()
    run = runtime(chain(numbers, Waits))
    run.set_param("f1", "level", 7)
    run.run()
    assert Waits.seen == [7] * 5
    with pytest.raises(ConfigError, match="between 0 and 9"):
        run.set_param("f1", "level", 99)
    with pytest.raises(ConfigError, match="cannot change"):
        run.set_param("f0", "count", 1)


def test_a_run_is_used_once(numbers: type[Numbers], keep: type[Keep]) -> None:
    run = runtime(chain(numbers, keep))
    run.run()
    with pytest.raises(LocalProtocolError, match="started once"):
        run.start()


def test_timings_name_every_step_in_order(numbers: type[Numbers], keep: type[Keep]) -> None:
    runtime(chain(numbers, keep, keep, kind="weak", count=1)).run()
    assert [(t.stage, t.kind) for t in keep.kept[-1].timings] == [
        ("f0", "run"),
        ("f0.image -> f1.frame", "queue"),
        ("f1", "run"),
        ("f1.frame -> f2.frame", "queue"),
    ]
