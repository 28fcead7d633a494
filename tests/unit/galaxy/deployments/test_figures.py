from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from galaxy.deployments.beside import BESIDE
from galaxy.deployments.figures import (
    Preview,
    Rates,
    is_understood,
    merge_figures,
    with_closed,
)
from galaxy.deployments.views import DeploymentView
from galaxy.figures import EdgeFigures, FilterFigures, Snapshot, Summary

if TYPE_CHECKING:
    from cantor.wire.frame import Value

LEFT, RIGHT, THIRD = NodeId("a"), NodeId("b"), NodeId("c")
WAY, STRONG = "camera.image -> detect.image", "detect.image -> count.frame"
VIEW = DeploymentView(
    "d1",
    "demo",
    "t",
    "p",
    1,
    "running",
    "running",
    {},
    nodes={"camera": LEFT, "detect": RIGHT, "count": RIGHT},
)


def group(
    filters: dict[str, FilterFigures], edges: dict[str, EdgeFigures], **live: dict[str, Any]
) -> dict[str, Value]:
    snapshot = Snapshot("demo", "n", 1, "running", "", 1.0, filters, edges, {}, live)
    return {"groups": [cast("Value", snapshot.document())], "previews": {}}


def handled(frames_in: int, frames_out: int, age: Summary | None = None) -> FilterFigures:
    return FilterFigures(frames_in, frames_out, Summary(1, 2.0, 2.0), age or Summary(), {})


def merged(frames: int, rates: Rates | None = None, now_s: float = 0.0) -> dict[str, Any]:
    return cast("dict[str, Any]", merge_figures(VIEW, two_nodes(frames), rates or Rates(), now_s))


def two_nodes(frames: int) -> dict[NodeId, dict[str, Value]]:
    left = group(
        {"camera": handled(0, frames)},
        {WAY: EdgeFigures("weak", "latest", 1, sent=frames, received=frames - 2, dropped=2)},
    )
    right = group(
        {
            "detect": handled(frames - 2, frames - 2),
            "count": handled(frames - 2, 0, Summary(3, 9.0, 9.0)),
        },
        {
            WAY: EdgeFigures(
                "weak", "latest", 1, received=frames - 2, queue_ms=Summary(5, 1.0, 1.0)
            ),
            STRONG: EdgeFigures("strong", "", 0),
        },
        count={"frames": frames - 2},
    )
    return {LEFT: left, RIGHT: right}


def places(value: Value, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to everything in an answer."""
    pairs: dict[Any, Value] = value if isinstance(value, dict) else {}
    pairs = dict(enumerate(value)) if isinstance(value, list) else pairs
    return [at, *(way for key, part in pairs.items() for way in places(part, (*at, key)))]


def changed(value: Value, at: tuple[str | int, ...], other: Value) -> Value:
    """The same answer with something else at one place; without it, if that is ``None``."""
    if not at:
        return other
    copy: Any = dict(value) if isinstance(value, dict) else list(cast("list[Value]", value))
    if other is None and len(at) == 1 and isinstance(copy, dict):
        del copy[at[0]]
    else:
        copy[at[0]] = changed(copy[at[0]], at[1:], other)
    return cast("Value", copy)


ODD: st.SearchStrategy[Value] = st.sampled_from(
    [None, "", [], {}, [[]], {"x": 1}, 1.5, -1, True, float("nan"), b"x"]
)


@given(st.data())
def test_what_is_understood_is_merged_whatever_else_a_node_says(data: st.DataObject) -> None:
    answer: Value = cast("Value", two_nodes(10)[RIGHT])
    assert is_understood(cast("dict[str, Value]", answer))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(places(answer)[1:] or [("groups",)]))
        answer = changed(answer, at, data.draw(ODD)) if places(answer)[1:] else {}
    told = cast("dict[str, Value]", answer)
    if is_understood(told):
        merge_figures(VIEW, {RIGHT: told}, Rates(), 0.0)


@pytest.mark.parametrize("odd", [
    {"groups": 1}, {"groups": [1]}, {"groups": [{}]}, {"previews": [1]},
    {"groups": [{"live": {}, "filters": {"a": {}}, "edges": {}}]},
    {"groups": [{"live": {}, "filters": {}, "edges": {"a": {"kind": "weak"}}}]},
    {"groups": [{"live": {"a": 1}, "filters": {}, "edges": {}}]},
])  # fmt: skip
def test_figures_that_no_worker_says_are_not_understood(odd: dict[str, Value]) -> None:
    assert not is_understood(odd)


def test_both_ends_of_a_connection_become_one() -> None:
    figures = merged(10)

    edge = figures["edges"][WAY]
    assert (edge["sent"], edge["received"], edge["dropped"]) == (10, 8, 2)
    assert edge["queue_ms"]["count"] == 5
    assert figures["filters"]["camera"]["node"] == "a"
    assert figures["filters"]["count"]["report"] == {"frames": 8}


def test_a_node_speaks_of_the_filters_that_it_runs_alone() -> None:
    honest = two_nodes(10)
    lies = group(
        {name: handled(7777, 7777) for name in ("camera", "detect", "nobody")},
        {
            WAY: EdgeFigures("weak", "latest", 1, sent=7777),
            STRONG: EdgeFigures("strong", "", 0, sent=7777),
            "nobody.x -> nothing.y": EdgeFigures("weak", "latest", 1),
        },
        camera={"lost": "for ever"},
    )
    pictures: Value = {name: {"number": 7777} for name in ("camera", "detect", "nobody")}
    lies["previews"] = pictures

    told = cast("dict[str, Any]", merge_figures(VIEW, {**honest, THIRD: lies}, Rates(), 0.0))
    assert told == merged(10)
    of_left = {**honest, LEFT: lies}
    told = cast("dict[str, Any]", merge_figures(VIEW, of_left, Rates(), 0.0))
    assert set(told["filters"]) == {"camera", "detect", "count"}
    assert told["filters"]["detect"]["frames_in"] == 8
    assert set(told["edges"]) == {WAY, STRONG}
    assert told["edges"][WAY]["received"] == 8, "who sends does not say what was received"
    assert told["previews"] == {"camera": {"number": 7777}}


def test_a_sender_that_passes_for_the_receiver_is_heard_as_the_sender() -> None:
    honest = two_nodes(10)
    sly = group({}, {WAY: EdgeFigures("weak", "latest", 1, sent=9, received=7777)})

    for order in ((LEFT, RIGHT), (RIGHT, LEFT)):
        answers = {node: {**honest, LEFT: sly}[node] for node in order}
        edge = cast("dict[str, Any]", merge_figures(VIEW, answers, Rates(), 0.0))["edges"][WAY]
        assert (edge["sent"], edge["received"]) == (9, 8)


def test_a_closed_group_speaks_of_its_own_filters_alone_and_an_odd_one_of_nothing() -> None:
    ours = group({"camera": handled(0, 10)}, {})
    theirs = group(
        {"camera": handled(0, 7777), "odd": handled(5, 5)}, {STRONG: EdgeFigures("", "", 0)}
    )
    theirs["previews"] = {"camera": {"number": 7777}, "odd": {"number": 1}}
    own = {"odd": ("odd",), "odder": ("odder",)}

    told = with_closed(ours, {"odd": theirs, "odder": {"groups": [{"filters": 7}]}}, own)

    first, second = cast("list[dict[str, Any]]", told["groups"])
    assert first["filters"] == cast("Any", ours)["groups"][0]["filters"]
    assert (set(second["filters"]), second["edges"], second[BESIDE]) == ({"odd"}, {}, "odd")
    assert told["previews"] == {"odd": {"number": 1}}


def test_rates_are_of_the_last_second_and_a_second_look_at_once_changes_nothing() -> None:
    rates = Rates()
    merged(10, rates, 0.0)

    for figures in (merged(40, rates, 1.0), merged(45, rates, 1.1)):
        assert figures["filters"]["detect"]["fps"] == 30.0
        assert figures["edges"][WAY]["fps"] == 30.0
        assert figures["edges"][STRONG]["fps"] == 30.0


def test_only_sinks_have_an_age() -> None:
    filters = merged(10)["filters"]

    assert [name for name in filters if "age_ms" in filters[name]] == ["count"]


def test_a_run_that_began_anew_counts_from_nothing_without_a_negative_rate() -> None:
    rates = Rates()
    rates.update({"detect": 500}, 0.0)

    assert rates.update({"detect": 20}, 1.0) == {"detect": 0}


@pytest.mark.parametrize(
    "headers", [{}, {"number": "1"}, {"number": 1, "captured_at": 1.0, "age_ms": 1.0, "objects": 3}]
)
def test_a_preview_out_of_shape_is_refused(headers: dict[str, Value]) -> None:
    with pytest.raises(RemoteProtocolError):
        Preview.unpack(headers, (b"x",))


counter = st.integers(0, 1000)
counters = st.tuples(counter, counter, counter, counter, counter).map(
    lambda n: EdgeFigures(
        "weak", "block", 4, sum(n), n[0], n[1], n[2], n[3], n[4], Summary(n[0], 1.0, 1.0)
    )
)


@given(sender=counters, receiver=counters, apart=st.booleans())
def test_an_edge_always_adds_up(sender: EdgeFigures, receiver: EdgeFigures, *, apart: bool) -> None:
    left, right = (
        ({"camera": handled(0, 1)}, {WAY: sender}),
        ({"detect": handled(1, 1)}, {WAY: receiver}),
    )
    answers, view = [(LEFT, group(*left)), (RIGHT, group(*right))], VIEW
    if not apart:
        both = [group for _, one in answers for group in cast("list[Value]", one["groups"])]
        answers = [(RIGHT, {"groups": both, "previews": {}})]
        view = replace(VIEW, nodes=dict.fromkeys(VIEW.nodes, RIGHT))
    for order in (answers, answers[::-1]):
        merged = cast("dict[str, Any]", merge_figures(view, dict(order), Rates(), 0.0))
        edge = merged["edges"][WAY]
        parts = [edge[key] for key in ("received", "dropped", "expired", "discarded", "waiting")]
        assert edge["sent"] == sum(parts)
        assert min(parts) >= 0
        assert edge["queue_ms"]["count"] == receiver.queue_ms.count
        assert edge["received"] == (receiver if apart else sender).received
