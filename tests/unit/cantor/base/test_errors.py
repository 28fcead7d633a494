from __future__ import annotations

from cantor.base import errors
from cantor.base.errors import CantorError, ConfigError, RemoteProtocolError


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
