"""Which names secrets have, and that their values are covered in texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from cantor.base.secret_names import (
    COVERED_BYTES_MIN,
    Cover,
    check_secret_name,
    is_secret_name,
    named_in,
)

LETTERS = st.text("abcxyz0189", min_size=1, max_size=20)


@given(st.lists(LETTERS, min_size=1, max_size=3), st.sampled_from(".-_"))
def test_letters_digits_and_marks_between_them_are_names(parts: list[str], mark: str) -> None:
    assert check_secret_name(mark.join(parts)) == mark.join(parts)


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "a/b", "../a", ".a", "a.", "a\n", "a=b", "é", "a" * 65, "a\0"]
)
def test_everything_else_is_none(name: str) -> None:
    assert not is_secret_name(name)
    with pytest.raises(ConfigError, match="no secret can be called so"):
        check_secret_name(name)


@given(st.text(max_size=80))
def test_a_name_is_also_a_part_of_a_file_s_name(name: str) -> None:
    if is_secret_name(name):
        assert not set(name) & set("/=\0\n ")
        assert name not in (".", "..")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("secret://mail", "mail"),
        ("secret://", ""),
        ("mail", None),
        (" secret://a", None),
        (7, None),
    ],
)
def test_a_reference_is_a_whole_text(text: object, name: str | None) -> None:
    assert named_in(text) == name


@given(st.text(), st.text(min_size=COVERED_BYTES_MIN).filter(str.strip), st.text())
def test_no_value_is_left_in_a_text(before: str, value: str, after: str) -> None:
    text = before.replace("\r", "") + value + after
    covered = Cover({"mail": value.encode("utf-8", "surrogatepass")}).text(text)

    assert value not in covered.replace("secret://mail", "")
    assert "secret://mail" in covered


def test_lines_and_passwords_of_values_are_covered_and_short_ones_not() -> None:
    cover = Cover(
        {
            "key": b"-----BEGIN\nabcdefgh\n-----END",
            "gate": b"rtsp://admin:p%40ssword@10.0.0.7/live?x=a@b",
            "pin": b"123",
        }
    )

    assert cover.text("it says abcdefgh, 123") == "it says secret://key, 123"
    assert cover.text("login p%40ssword or p@ssword at 10.0.0.7") == (
        "login secret://gate or secret://gate at 10.0.0.7"
    )
    assert cover.value({"lost": ["rtsp://admin:p%40ssword@10.0.0.7/live?x=a@b", 1]}) == {
        "lost": ["secret://gate", 1]
    }
    assert not Cover({})
    assert Cover({}).text("as it is") == "as it is"
