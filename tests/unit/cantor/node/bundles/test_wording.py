"""Questions and answers about chunks as headers; what is none is one error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.bundles.fetching.messages import Absent, Answer, Ask, Chunk, Elsewhere, Soon
from cantor.node.bundles.wording import answer_from, answer_headers, ask_from, ask_headers
from cantor.node.services import Message

A, B = NodeId("a" * 32), NodeId("b" * 32)
BLOB = "c" * 64


def test_a_question_comes_back_as_it_was() -> None:
    ask = Ask(BLOB, 7, (A, B))

    assert ask_from(Message(A, ask_headers(ask))) == ask


@pytest.mark.parametrize(
    "answer",
    [Chunk(BLOB, 1, b"data"), Elsewhere(BLOB, 2, (B,)), Soon(BLOB, 3), Absent(BLOB, 4)],
    ids=lambda answer: type(answer).__name__,
)
def test_an_answer_comes_back_as_it_was(answer: Answer) -> None:
    body = (answer.data,) if isinstance(answer, Chunk) else ()

    assert answer_from(Message(A, answer_headers(answer), body)) == answer


GOOD = answer_headers(Elsewhere(BLOB, 2, (B,)))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"kind": "chunk"},
        {"blob": "short"},
        {"blob": None},
        {"chunk": "1"},
        {"chunk": True},
        {"nodes": ["x"]},
        {"nodes": [1]},
        {"nodes": None},
        {"nodes": [B] * 99},
    ],
    ids=str,
)
def test_an_answer_that_is_none_is_one_error(changes: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        answer_from(Message(A, {**GOOD, **changes}))  # type: ignore[dict-item]


VALUES = st.none() | st.integers() | st.text(max_size=70) | st.lists(st.text(max_size=33))


@given(st.dictionaries(st.sampled_from(["kind", "blob", "chunk", "nodes", "tried"]), VALUES))
def test_any_headers_give_one_error(headers: dict[str, object]) -> None:
    for read in (ask_from, answer_from):
        with pytest.raises(RemoteProtocolError):
            read(Message(A, headers))  # type: ignore[arg-type]
