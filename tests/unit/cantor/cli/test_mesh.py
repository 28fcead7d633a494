from __future__ import annotations

from typing import Any

import pytest

from cantor.cli.main import main
from cantor.cli.mesh_text import bench_text, graph_dot, graph_text, ping_text, status_text

A, B, C, D = (letter * 32 for letter in "abcd")
GRAPH: dict[str, Any] = {
    "here": A,
    "nodes": [
        {"id": A, "name": "ash", "state": "online", "degree": 1},
        {"id": B, "name": 'bay "2"', "state": "online", "degree": 1},
        {"id": C, "name": "cedar", "state": "offline", "degree": 1},
        {"id": D, "name": "dogwood", "state": "offline", "degree": 0},
    ],
    "edges": [
        {"ends": [A, B], "cost": 2.5, "state": "up", "tree": True, "rtt_ms": 1.25, "loss": 0.01},
        {"ends": [B, C], "cost": 7.0, "state": "last known", "tree": False},
    ],
    "parts": [[A, B], [C, "e" * 32]],
}


def test_the_graph_tells_links_the_tree_the_other_side_and_who_is_offline() -> None:
    names = {
        **GRAPH,
        "nodes": [*GRAPH["nodes"], {**GRAPH["nodes"][2], "id": "e" * 32, "name": "elm"}],
    }
    lines = graph_text(names).splitlines()

    assert lines[0] == "2 of 5 nodes reached, 2 links."
    assert lines[1] == "Out of reach, but linked with each other when last heard: cedar, elm."
    assert lines[2] == "Offline: dogwood."
    assert lines[4].split() == ["ash", "bay", '"2"', "2.5", "1.25", "ms", "1", "%", "tree", "up"]
    assert lines[5].split() == ["bay", '"2"', "cedar", "7", "-", "-", "last", "known"]


def test_dot_marks_the_tree_and_quotes_names() -> None:
    dot = graph_dot(GRAPH)

    assert dot.startswith("graph mesh {")
    assert r'[label="bay \"2\""];' in dot
    assert f'"{A}" [label="ash", peripheries=2];' in dot
    assert f'"{C}" [label="cedar", style="rounded,dashed"];' in dot
    assert f'"{A}" -- "{B}" [label="2.5", weight=4, style=bold];' in dot
    assert "style=dashed];" in dot


def test_links_are_listed_with_their_figures_and_dashes_where_nothing_is_known() -> None:
    link = {"peer": B, "name": "birch", "address": "10.0.0.2:7433", "cost": 1.0, "tree": True}
    full = {**link, "rtt_ms": 0.512, "loss": 0.0, "rate": 1, "control_queued_bytes": 2048}
    text = status_text(
        {
            "id": A,
            "name": "ash",
            "degree": 2,
            "nodes_online": 2,
            "nodes_known": 3,
            "tree_neighbours": ["birch"],
            "links": [link, full],
            "dropped": {"queue_full": 3},
        }
    )
    lines = text.splitlines()

    assert lines[0] == "ash (aaaaaaaa) has 2 links and reaches 2 of 3 nodes."
    assert lines[1] == "Neighbours in the tree: birch. Dropped: queue full 3."
    assert lines[3].split() == [
        *("birch", "10.0.0.2:7433", "1", "-", "-", "-", "tree", "0", "B", "-")
    ]
    assert lines[4].split()[3:11] == ["0.512", "ms", "0", "%", ">=", "12.5", "MB/s", "tree"]


def test_a_weight_that_somebody_gave_stands_beside_the_cost() -> None:
    link = {"name": "birch", "cost": 8.0, "weight": 4.0, "tree": False}
    here = {"id": A, "name": "ash", "nodes_online": 2, "nodes_known": 2, "dropped": {}}
    text = status_text({**here, "tree_neighbours": [], "links": [link]})
    assert "8 (x4)" in text


def test_pings_are_summed_up_and_silence_is_told() -> None:
    assert ping_text("elm", [1.0, 3.0, 2.0], 1) == (
        "elm: 3 of 4 answered, round trip min 1.000, median 2.000, max 3.000 ms"
    )
    assert ping_text("elm", [], 3) == "elm: none of 3 answered"


def test_a_benchmark_is_told_in_four_lines() -> None:
    rtt = {"min": 0.1, "median": 0.2, "p99": 0.9, "max": 2.0}
    text = bench_text(
        {
            "name": "elm",
            "round_trips": {"count": 10, "per_second": 4000.0, "rtt_ms": rtt},
            "send_mb_per_s": 101.25,
            "receive_mb_per_s": 99.0,
        }
    )

    assert "median 0.200, p99 0.900 ms" in text
    assert "101.2 MB/s" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ping", "elm", "-c", "0"], "--count: give 1 to 100000"),
        (["ping", "elm", "-i", "-1"], "--interval: give 0 to 3600 seconds"),
        (["bench", "elm", "--seconds", "1e9"], "--seconds: give 0.1 to 60"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_asked(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mesh", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [["status"], ["graph"], ["path", "a", "b"], ["trace", "a"]])
def test_without_an_agent_each_verb_says_what_to_start(
    words: list[str],
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("nobody")

    assert main(["mesh", *words, "--data", str(folder)]) == 69
    assert "no agent answers here — start one: cantor agent" in capsys.readouterr().err
