from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.doctor import mesh_probes
from cantor.doctor.facts import ClockAhead, FailedRun

if TYPE_CHECKING:
    import pytest

    from cantor.wire.frame import Value


def test_the_clocks_that_the_agent_found_ahead_are_read() -> None:
    facts = mesh_probes.other_clocks(
        {
            "nodes_known": 3,
            "links": [],
            "clocks_ahead": [
                {"peer": "ab", "name": "late", "address": "[fe80::1]:7433", "ahead_s": 90.5},
                {"peer": "cd", "ahead_s": "much"},
                7,
            ],
        }
    )
    assert facts.ahead == (ClockAhead("late", "fe80::1", 90.5),)
    assert facts.others == 2


def test_failed_parts_are_read_from_this_nodes_own_facts() -> None:
    groups: list[Value] = [
        {"leader": "camera", "epoch": 1, "state": "failed", "error": "no\nsuch  device"},
        {"leader": "show", "epoch": 1, "state": "running", "error": ""},
    ]
    facts = mesh_probes.runs(
        {"run/d1": {"revision": 1, "groups": groups}, "run/d2": 5, "node": {}}, is_node=False
    )
    assert facts.failed == (FailedRun("d1", "camera", "no such device"),)


def test_modules_are_missed_only_where_an_agent_would_start_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_spec(name: str) -> object:
        return None if name == "cv2" else object()

    monkeypatch.setattr(mesh_probes, "find_spec", find_spec)
    assert mesh_probes.runs({}, is_node=True).missing == ("cv2",)
    assert mesh_probes.runs({}, is_node=False).missing == ()


def test_without_an_agent_nothing_is_known() -> None:
    assert mesh_probes.other_clocks(None).ahead == ()
