"""Questions and answers as they travel."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError, NotSerialisable, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.node.state.wording import (
    TEXT_BYTES_MAX,
    VALUE_BYTES_MAX,
    WAIT_MAX_S,
    Answer,
    Question,
    check_value,
    checked_text,
    pack_answer,
    pack_question,
    unpack_answer,
    unpack_question,
)

ASH = NodeId("a" * 32)


def question(**args: object) -> Question:
    return Question("get", args, (), ASH)  # type: ignore[arg-type]


def test_they_come_back_as_they_were() -> None:
    packed = pack_question("set", "wall", {"k": "a", "e": None}, 4.5)
    assert unpack_question(packed) == ("set", "wall", {"k": "a", "e": None}, 4.5)
    body, *parts = pack_answer(Answer({"r": 5}, (b"value",)))
    assert unpack_answer(body, tuple(parts)) == Answer({"r": 5}, (b"value",))


@given(st.binary(max_size=80))
def test_no_bytes_of_others_do_harm(data: bytes) -> None:
    for read in (unpack_question, lambda raw: unpack_answer(raw, ())):
        try:
            read(data)
        except RemoteProtocolError:
            continue


@pytest.mark.parametrize(
    "told",
    [
        [],
        ["get", "", {}],
        [1, "", {}, 1.0],
        ["get", 1, {}, 1.0],
        ["get", "", [], 1.0],
        ["get", "", {}, "1"],
        ["get", "", {}, 0.0],
        ["get", "", {}, float("inf")],
        ["get", "", {}, float("nan")],
    ],
)
def test_odd_questions_are_refused(told: object) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack_question(msgpack.packb(told))


def test_a_question_has_an_end() -> None:
    with pytest.raises(ConfigError, match="limit"):
        pack_question("set", "", {"k": "x" * 70_000}, 1.0)
    with pytest.raises(RemoteProtocolError, match="limit"):
        unpack_question(b"x" * 70_000)
    with pytest.raises(ConfigError, match="surrogate"):
        pack_question("get", "", {"k": "\udc80"}, 1.0)


def test_arguments_have_their_types() -> None:
    asked = question(k="a", n=3, yes=True)
    assert (asked.get("k", str), asked.get("n", int), asked.get("yes", bool)) == ("a", 3, True)
    assert asked.get("none", str, "default") == "default"
    kinds: list[tuple[str, Any]] = [("k", int), ("n", str), ("yes", int), ("none", str)]
    for name, kind in kinds:
        with pytest.raises(RemoteProtocolError):
            asked.get(name, kind)


def test_nobody_waits_for_ever() -> None:
    assert question().wait_s == 0
    assert question(wait=1e9).wait_s == WAIT_MAX_S
    for wait in (-1, float("nan"), float("inf"), "1", True):
        with pytest.raises(RemoteProtocolError):
            _ = question(wait=wait).wait_s


@pytest.mark.parametrize("text", ["", "a\n", "\x1b[2J", "x" * (TEXT_BYTES_MAX + 1), "\ud800"])
def test_names_can_be_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="no key can be"):
        checked_text(text, "key")


def test_a_value_has_an_end() -> None:
    check_value((b"x" * VALUE_BYTES_MAX,), "a")
    with pytest.raises(NotSerialisable, match="objects"):
        check_value((b"x" * VALUE_BYTES_MAX, b"y"), "a")
