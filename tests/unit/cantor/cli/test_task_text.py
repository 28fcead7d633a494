from __future__ import annotations

from typing import Any

from cantor.cli.task_text import listed, story

ROW: dict[str, Any] = {
    "id": f"{'d' * 32}-3-7", "home": "d" * 32, "home_name": "desk", "life": 3, "number": 7,
    "name": "detect", "kind": "task", "state": "failed", "why": "KeyError: 'x'", "project": "lab",
    "node": "e" * 32, "node_name": "wall", "attempts": 2, "submitted": 1_800_000_000.0,
    "started": 1_800_000_001.5, "ended": 1_800_000_002.0, "progress": 0.5, "needs": "GPU = 1",
    "priority": 1, "durable_id": "", "parent": "", "group": "", "actor": "",
}  # fmt: skip
ATTEMPT: dict[str, Any] = {
    "number": 2, "node": "e" * 32, "node_name": "wall", "worker": 4711,
    "sent": 1_800_000_001.0, "started": 1_800_000_001.5, "ended": 1_800_000_002.0,
    "end": "failed", "why": "",
}  # fmt: skip
STORY: dict[str, Any] = {
    "task": ROW, "principal": "d" * 32, "mode": "process", "python": "3.12", "retries": 1,
    "at_most_once": False, "deadline_s": 60.0, "progress_text": "half", "attempts": [ATTEMPT],
    "attempts_left_out": 1, "error": {"type": "KeyError", "text": "'x'", "traceback": "lines\n"},
    "output": [[1, "seen\n"], [2, "hm\x1b[31m\n"]], "is_output_cut": False,
}  # fmt: skip


def test_tasks_of_this_box_go_by_their_number_and_others_by_their_id() -> None:
    told = {"rows": [ROW], "more": False, "missing": []}

    assert listed(told, [], now=0.0, is_here=True).splitlines()[1].split() == [
        "7", "detect", "failed", "wall", "2", "2.0", "s", "lab", "GPU", "=", "1",
    ]  # fmt: skip
    assert "dddddddd-3-7" in listed(told, [], now=0.0, is_here=False)


def test_a_list_says_what_it_lacks() -> None:
    missing = [{"node": "f" * 32, "name": "", "why": "no answer in 3 s"}]
    told = {"rows": [], "more": True, "missing": missing}

    text = listed(told, [], now=0.0, is_here=False)

    assert "There are more" in text
    assert "ffffffff does not answer: no answer in 3 s" in text


def test_a_story_is_told_line_by_line_and_moves_no_cursor() -> None:
    text = story(STORY)

    for line in (
        "State:        failed: KeyError: 'x'",
        "Submitted:    2027-01-15 08:00:00.000Z at desk",
        "Progress:     50 % half",
        "Terms:        process, Python 3.12, 1 retries, within 60 s",
        "1 attempts before these are not remembered.",
        "lines",
        "seen",
        "! hm?[31m",
    ):
        assert line in text.splitlines()
    assert "0.500 s" in text
    assert "Actor" not in text
