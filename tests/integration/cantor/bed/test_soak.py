"""``make soak`` in small: it runs, judges, and says so by its exit code."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.bed.fleet import Fleet, Usage
from tests.soak import run
from tests.soak.churn import Churn
from tests.soak.heals import WAIT_MAX_S, Heal
from tests.soak.measures import row
from tests.soak.tally import Heard, Verdict, judge_messages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bed.network import Network
    from tests.soak.tally import Report

pytestmark = pytest.mark.integration


def test_a_short_soak_breaks_heals_and_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "CHURN_S", 2.0)
    report = tmp_path / "build" / "soak.json"

    code = run.main(["--nodes", "5", "--minutes", "0", "--seed", "3", "--report", str(report)])

    rows = {told["measure"]: told for told in json.loads(report.read_text())}
    assert code == (0 if all(told["met"] for told in rows.values()) else 1)
    assert rows["dropped frames in all"]["ours"] > 0
    assert rows["ledgers equal after a heal, worst"]["ours"] < WAIT_MAX_S
    less = rows["the same less waits for a processor, worst"]["ours"]
    assert 0 < less < rows["ledgers equal after a heal, worst"]["ours"]
    assert rows["reliable messages in all"]["ours"] > 20
    assert rows["reliable messages lost"]["ours"] == 0
    assert rows["reliable messages that came again or late"]["ours"] == 0
    assert "5 nodes on 6 lines" in capsys.readouterr().out


def test_what_grew_or_came_late_is_missed() -> None:
    assert not row("files", "", 5, 4, "lower")["met"]
    assert row("files", "", 4, 4, "lower")["met"]
    assert not row("kills", "", 0, 1, "higher")["met"]


def reports(*numbers: int, taken: int = 5) -> dict[str, Report]:
    """Node ``a`` has written five messages to ``b``, which heard these."""
    heard = Heard(numbers[0], numbers[0])
    for number in numbers[1:]:
        heard.hear(number)
    return {
        "a": {"life": "1", "written": {"b": 5, "gone": 3}, "taken": {"b": taken}, "heard": {}},
        "b": {"life": "2", "written": {}, "taken": {}, "heard": {"a 1": heard.as_value()}},
    }


@pytest.mark.parametrize(
    ("told", "steady", "lost", "again"),
    [
        (reports(1, 2, 3, 4, 5), {"b"}, 0, 0),
        (reports(1, 2, 4, 5), {"b"}, 1, 0),
        (reports(1, 2, 3, 4), {"b"}, 1, 0),
        (reports(3, 4, 5), {"b"}, 2, 0),
        (reports(3, 4, 5), {}, 0, 0),
        (reports(1, 2, 3, 4, taken=4), {"b"}, 1, 0),
        (reports(1, 2, 3, 3, 4, 5), {"b"}, 0, 1),
        (reports(1, 3, 2, 4, 5), {"b"}, 1, 1),
    ],
)
def test_a_message_that_is_lost_comes_again_or_late_is_found(
    told: dict[str, Report], steady: set[str], lost: int, again: int
) -> None:
    assert judge_messages(told, steady) == Verdict(5, lost, again)


def test_a_node_that_heard_nothing_of_what_it_took_has_lost_it() -> None:
    told = reports(1, 2, 3, 4, 5)
    told["b"]["heard"].clear()
    assert judge_messages(told, {"b"}).lost == 5
    assert judge_messages(told, {}).lost == 0  # an earlier life of it has taken them


def test_one_lost_message_fails_the_soak(network: Network, tmp_path: Path) -> None:
    churn = Churn(Fleet(network, tmp_path), [], Random(1))  # noqa: S311
    churn.kills = churn.stops = churn.dropped = 1
    heal = Heal(0.1, 0.2, 0.0)
    cycles = [run.Cycle(heal, 1.0, 0.0, heal, [Usage(10, 1)], 0.0)]

    def missed(messages: Verdict) -> list[object]:
        return [told["measure"] for told in run.judge(churn, cycles, messages) if not told["met"]]

    assert missed(Verdict(100, 0, 0)) == []
    assert missed(Verdict(100, 1, 0)) == ["reliable messages lost"]
    assert missed(Verdict(100, 0, 1)) == ["reliable messages that came again or late"]
    assert missed(Verdict(0, 0, 0)) == ["reliable messages in all"]
