from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema_rs
import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.workers.sandbox.levels import Level, more_closed
from cantor.workers.sandbox.rules import Rules, rules_from, rules_schema, rules_with

if TYPE_CHECKING:
    from pathlib import Path

ME, ASH, BIRCH = (NodeId(f"{number:02d}" * 16) for number in range(3))


def test_by_default_others_are_closed_in_and_this_box_is_not() -> None:
    rules = Rules()

    assert (rules.level_of(ME, ME), rules.level_of(ASH, ME)) == ("none", "full")


def test_what_is_typed_goes_before_what_stands_in_the_file() -> None:
    rules = rules_from({"own": "net", "others": "none", "nodes": {ASH: "net"}})
    rules = rules_with(rules, ["full", f"{BIRCH}=none", "own=full"])

    levels = [rules.level_of(node, ME) for node in (ME, ASH, BIRCH, NodeId("f" * 32))]
    assert levels == ["full", "net", "none", "full"]
    assert rules.of_others == {"full", "net", "none"}


@pytest.mark.parametrize("text", ["", "fully", "own=", "ash=net", f"{ASH[:-1]}=net", "=net"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        rules_with(Rules(), [text])


@pytest.mark.parametrize(
    "value", ["fully", 1, None, ["net"], {"other": "net"}, {"own": None}, {"nodes": {"ash": "net"}}]
)
def test_a_file_that_has_none_is_refused(value: object) -> None:
    with pytest.raises(ConfigError):
        rules_from(value)
    if value is not None:
        assert not jsonschema_rs.is_valid(rules_schema(), value)


@pytest.mark.parametrize("value", ["net", {}, {"own": "full", "nodes": {ASH: "none"}}])
def test_a_file_that_has_some_follows_the_schema(value: object) -> None:
    rules_from(value)
    assert jsonschema_rs.is_valid(rules_schema(), value)


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [("full", "none", "full"), ("none", "net", "net"), ("net", "full", "full")],
)
def test_the_more_closed_of_two_holds(one: Level, other: Level, result: Level) -> None:
    assert more_closed(one, other) == result


def test_the_settings_file_has_them(tmp_path: Path) -> None:
    from cantor.workers.settings import load_worker_settings

    path = tmp_path / "workers.yaml"
    path.write_text("warm: 1\nsandbox: {own: net, others: full}\n", encoding="utf-8")
    assert load_worker_settings(path).sandbox == Rules(own="net")
    path.write_text("warm: 1\nsandbox: shut\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"yaml:2: sandbox"):
        load_worker_settings(path)
