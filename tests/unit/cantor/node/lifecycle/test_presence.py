from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.node.lifecycle.presence import GAP_S_MAX, Presence

if TYPE_CHECKING:
    from pathlib import Path

NOW_S = 1.8e9


def test_it_is_there_since_it_was_last_away_for_long_also_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "presence.json"
    assert Presence(path).since_s(NOW_S) == NOW_S
    assert Presence(path).since_s(NOW_S + 10.0) == NOW_S
    assert Presence(path).since_s(NOW_S + GAP_S_MAX + 1.0) == NOW_S + GAP_S_MAX + 1.0


def test_an_issuer_goes_on_when_it_cannot_note_that_it_is_there(tmp_path: Path) -> None:
    presence = Presence(tmp_path / "no folder" / "presence.json")

    assert presence.since_s(NOW_S) == NOW_S
    assert presence.since_s(NOW_S + 5000.0) == NOW_S
