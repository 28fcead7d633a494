from __future__ import annotations

import socket
import ssl

import pytest

from cantor.base import errors
from cantor.base.errors import CantorError, ConfigError, RemoteProtocolError, reason_of


def test_an_error_says_where_what_and_what_to_do() -> None:
    error = ConfigError("unknown key 'colour'", where="agent.toml:3", remedy="remove it")

    assert str(error) == "agent.toml:3: unknown key 'colour' — remove it"


def test_an_error_without_place_or_remedy_is_just_what_is_wrong() -> None:
    assert str(RemoteProtocolError("bad length")) == "bad length"


def test_every_error_of_the_tree_is_drawn_in_its_docstring() -> None:
    tree = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, CantorError)
    }

    assert all(name in str(errors.__doc__) for name in tree)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("Multiple exceptions: one, two"), "Multiple exceptions: one, two"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_the_system_says_why_in_its_own_words(error: OSError, reason: str) -> None:
    assert reason_of(error) == reason


def test_the_number_of_openssl_is_not_one_of_the_system() -> None:
    with pytest.raises(ssl.SSLError) as caught:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata="x")
    assert "Operation not permitted" not in reason_of(caught.value)
