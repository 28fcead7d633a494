from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.scheduling.actors import ordering
from cantor.scheduling.actors.ordering import Ordered


@given(st.permutations(range(8)), st.data())
def test_whatever_comes_late_or_twice_comes_out_once_in_order(
    places: list[int], data: st.DataObject
) -> None:
    line: Ordered[int] = Ordered()
    out: list[int] = []
    for place in places:
        out += line.put(place, place)
        if data.draw(st.booleans()):
            out += line.put(place, place)

    assert out == list(range(8))


@pytest.mark.parametrize("place", [-1, True, 1.0, "1", None])
def test_what_is_no_place_is_refused(place: object) -> None:
    with pytest.raises(RemoteProtocolError):
        Ordered[int]().put(place, 1)  # type: ignore[arg-type]


def test_so_many_wait_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "EARLY_MAX", 2)
    line: Ordered[int] = Ordered()
    line.put(1, 1)
    line.put(2, 2)

    with pytest.raises(RemoteProtocolError, match="wait for one"):
        line.put(3, 3)
