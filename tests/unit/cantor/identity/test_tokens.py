from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import EnrolmentError
from cantor.identity.tokens import EnrolmentToken, hash_secret, new_secret

TOKEN = EnrolmentToken("hub.plant.example:8443", "0123456789abcdef" * 2, new_secret(bytes))


@given(pin=st.binary(min_size=16, max_size=16), secret=st.binary(min_size=24, max_size=24))
@settings(max_examples=30)
@pytest.mark.parametrize("hub", ["hub.local:1", "10.0.0.7:8443", "[fe80::1]:65535"])
def test_a_token_survives_its_text(hub: str, pin: bytes, secret: bytes) -> None:
    token = EnrolmentToken(hub, pin.hex(), new_secret(lambda _size: secret))
    assert EnrolmentToken.parse(f"  {token.text}\n") == token


def test_every_truncation_is_refused_and_most_say_so() -> None:
    for end in range(len(TOKEN.text)):
        with pytest.raises(EnrolmentError, match=r"truncated|does not look like one"):
            EnrolmentToken.parse(TOKEN.text[:end])


@given(position=st.integers(5, len(TOKEN.text) - 1), letter=st.sampled_from("abcdxyz2345_:"))
@settings(max_examples=60)
def test_a_changed_letter_is_noticed(position: int, letter: str) -> None:
    text = TOKEN.text[:position] + letter + TOKEN.text[position + 1 :]
    if text != TOKEN.text:
        with pytest.raises(EnrolmentError, match=r"mistyped|truncated"):
            EnrolmentToken.parse(text)


@given(st.text(max_size=600))
@settings(max_examples=60)
def test_any_text_gives_a_token_or_an_enrolment_error(text: str) -> None:
    with pytest.raises(EnrolmentError):
        EnrolmentToken.parse(text)
    with pytest.raises(EnrolmentError):
        EnrolmentToken.parse(f"cet1_{text}")


def test_good_check_digits_on_an_impossible_token_mean_a_forgery() -> None:
    import zlib

    body = "cet1_hub:1_short_secret"
    with pytest.raises(EnrolmentError, match="forged"):
        EnrolmentToken.parse(f"{body}_{zlib.crc32(body.encode()):08x}")


def test_a_hub_without_a_port_is_refused() -> None:
    for hub in ("hub", "hub:0", "hub:70000", "a_b:1", "", "hub:1/x"):
        with pytest.raises(EnrolmentError, match="names no hub"):
            EnrolmentToken(hub, TOKEN.root_pin, TOKEN.secret)


def test_a_secret_is_not_shown_and_kept_only_as_a_hash() -> None:
    assert TOKEN.secret not in repr(TOKEN)
    assert len(hash_secret(TOKEN.secret)) == 64
    assert new_secret() != new_secret()
