"""What nodes say of services, read strictly."""

from __future__ import annotations

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.services.orders import Key, Stamp
from cantor.services.reports import Report, report_fact, report_from, reported_key

REPORT = Report(
    Stamp(3, NodeId("a" * 32)), "returned", 2, "exit code 1", 4, 1700000000.5, {"http": 8080}
)


def test_a_report_is_read_back() -> None:
    assert report_from(REPORT.as_value()) == REPORT


def test_a_fact_names_the_service_that_it_is_about() -> None:
    assert reported_key(report_fact(Key("default", "counter"))) == ("default", "counter")
    assert reported_key("service/default/counter") is None


@pytest.mark.parametrize(("key", "value"), [
    ("number", -1), ("number", True), ("running", "1"), ("restarts", None), ("state", "fine"),
    ("why", "x" * 500), ("why", None), ("since", -1), ("since", "now"), ("by", "nobody"),
    ("ports", {str(n): 80 for n in range(200)}),
])  # fmt: skip
def test_a_report_of_another_shape_is_refused(key: str, value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        report_from({**REPORT.as_value(), key: value})  # type: ignore[dict-item] # the point


def test_a_long_reason_is_cut() -> None:
    told = Report(REPORT.wanted, "failing", why="x" * 9999).as_value()

    assert len(report_from(told).why) == 400
