"""Filter types by name, those that were pushed among them."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from cantor.base.errors import ConfigError
from galaxy import registry
from galaxy.filters.sinks import Collect, Count
from galaxy.registry import BUILT_IN, Registry, is_pushed, push_of


def test_no_package_takes_the_name_of_a_pushed_or_a_built_in_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def points(group: str) -> list[EntryPoint]:
        names = ("count", "marks/Mark", "theirs")
        return [EntryPoint(name, "galaxy.filters.sinks:Collect", group) for name in names]

    monkeypatch.setattr(registry, "entry_points", points)
    found = Registry.default()

    assert set(found.names()) == {*BUILT_IN, "theirs"}
    assert found.get("count") is Count


def test_pushed_types_come_and_go() -> None:
    known = Registry.default()
    known.set_pushed({"marks/Mark": Count})

    assert "marks/Mark" in known.names()
    assert known.get("marks/Mark") is Count
    with pytest.raises(ConfigError, match="the push marks has no filter 'marks/Park'"):
        known.get("marks/Park")
    known.set_pushed({})
    with pytest.raises(ConfigError, match="no node that is known here has the filter type"):
        known.get("marks/Mark")


def test_a_worker_takes_the_code_where_it_has_it() -> None:
    known = Registry.default().with_pushed(
        {"a/X": Count, "b/Y": Count}, {"a/X": "galaxy.filters.sinks:Collect"}
    )

    assert known.get("a/X") is Collect
    assert known.get("b/Y") is Count
    assert "a/X" not in Registry.default().names()


def test_the_form_of_the_name_tells_the_push() -> None:
    assert [push_of(name) for name in ("marks/Mark", "count")] == ["marks", ""]
    assert not any(is_pushed(name) for name in BUILT_IN)
