"""What others write about grants is read back, or refused; nothing makes the reading fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import DeviceError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.scheduling.grants.fence import Fence
from cantor.scheduling.grants.reading import answer_from_value, asked_from_value
from cantor.scheduling.grants.records import (
    Answer,
    Asked,
    Ended,
    Granted,
    Key,
    Lease,
    Refused,
    Release,
    Renew,
    Reserve,
    Waiting,
    answer_value,
)
from cantor.scheduling.needs import parse

NODE = NodeId("a" * 64)
KEY = Key("task", 1, 2)
LEASE = Lease(KEY, NODE, 1 << 32, {"GPU": 1, "CPU": 0.5}, {"GPU": ("gpu",)}, 15.0, 1.5, "p", -1)
GRANTED = answer_value(Granted(LEASE, 5.0))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
)
NAMES = st.sampled_from(
    ["ask", "answer", "task", "attempt", "round", "token", "taken", "units", "ttl_s", "needs"]
)


@pytest.mark.parametrize(
    "asked",
    [
        Reserve(KEY, NODE, parse("GPU = 1"), 5.0, 15.0, 3, "p", may_wait=True, now=9.0),
        Renew(KEY, NODE, 1 << 32, 5.0),
        Release(KEY, NODE),
    ],
)
def test_questions_are_read_back(asked: Asked) -> None:
    assert asked_from_value(asked.as_value(), NODE, 9.0) == asked


@pytest.mark.parametrize(
    "answer", [Granted(LEASE, 5.0), Waiting(KEY, "why"), Refused(KEY, "busy", "it is"), Ended(KEY)]
)
def test_answers_are_read_back(answer: Answer) -> None:
    assert answer_from_value(answer_value(answer)) == answer


@pytest.mark.parametrize("answer", [Waiting(KEY, "w" * 9999), Refused(KEY, "busy", "w" * 9999)])
def test_a_reason_that_is_longer_than_a_holder_reads_is_cut(answer: Answer) -> None:
    read = answer_from_value(answer_value(answer))
    assert isinstance(read, Waiting | Refused)
    assert read.key == KEY


@given(
    st.sampled_from([answer_value(Granted(LEASE, 5.0)), answer_value(Ended(KEY))]), NAMES, VALUES
)
def test_odd_answers_are_refused_and_never_crash(value: Any, name: str, odd: Any) -> None:  # noqa: ANN401
    try:
        answer_from_value({**value, name: odd})
    except RemoteProtocolError:
        return


@given(NAMES, VALUES)
def test_odd_questions_are_refused_and_never_crash(name: str, odd: Any) -> None:  # noqa: ANN401
    asked = Reserve(KEY, NODE, parse("GPU = 1"), 5.0).as_value()
    try:
        asked_from_value({**asked, name: odd}, NODE, 0.0)
    except RemoteProtocolError:
        return


def test_a_device_refuses_who_has_been_overtaken() -> None:
    fence = Fence()
    fence.check("gpu", 5)
    fence.check("gpu", 5)
    fence.check("gpu", 6)
    with pytest.raises(DeviceError, match="overtaken by 6"):
        fence.check("gpu", 5)
    fence.check("camera", 1)
