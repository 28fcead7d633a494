"""What the mesh says of shared quantities: who may have rights; nonsense counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from cantor.base.ids import NodeId
from cantor.ledger.facts import Fact
from cantor.node.fake import FakeMesh
from cantor.node.grants.sharing import is_shared, place_of, read_sharing
from cantor.scheduling.grants.book import UNITS_MAX

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.node.grants.sharing import Sharing
    from cantor.node.services import Node
    from cantor.wire.frame import Value

ME, OFFICE, OTHER, FAR = (NodeId(letter * 32) for letter in "abcd")


class Place:
    """A node as far as sharing looks at it."""

    node_id = ME
    tenant = "plant"

    def __init__(self, site: str = "") -> None:
        self.labels = {"site": site} if site else {}


def shared(owner: NodeId, units: Value, *, tenant: str = "plant", site: str = "") -> Fact:
    labels: Value = {"site": site}
    return Fact(owner, "shared", {"tenant": tenant, "labels": labels, "units": units}, 1, 1)


def read(*facts: Fact, site: str = "", dead: NodeId | None = None) -> Sharing:
    place = Place(site)
    here = Fact(ME, "node", {"tenant": "plant", "labels": cast("Value", place.labels)}, 1, 1)
    return read_sharing([here, *facts], cast("Node", place), lambda node: node == dead)


def test_a_quantity_is_for_its_tenant_or_for_the_site_of_its_owner() -> None:
    everywhere = shared(OFFICE, {"Licence": 8})
    berlin = shared(OTHER, {"Licence": 2, "Robot": 1}, site="berlin")
    strangers = shared(FAR, {"Licence": 4}, tenant="rival")

    assert read(everywhere, berlin, strangers).totals == {"Licence": 8}
    here = read(everywhere, berlin, strangers, site="berlin")
    assert here.totals == {"Licence": 10, "Robot": 1}
    assert here.everyone(OTHER) == {OTHER, ME}
    assert here.pooled(OFFICE) == {"Licence": 8}
    assert here.pooled(FAR) == {"Licence": 4}
    assert here.may_have(OFFICE, ME)
    assert not here.may_have(FAR, ME)


def test_what_the_dead_owned_is_gone() -> None:
    assert read(shared(OFFICE, {"Licence": 8}), dead=OFFICE).totals == {}


def test_an_owner_says_who_has_rights_and_what_is_free() -> None:
    said = {"Licence": {"free": 5, "held": {ME: 2, FAR: "many"}, "frozen": True}}
    sharing = read(
        shared(OFFICE, {"Licence": 8}), Fact(OFFICE, "rights", cast("Value", said), 1, 1)
    )

    assert sharing.shown(OFFICE) == [
        {"name": "Licence", "total": 8, "free": 5, "held": {ME: 2}, "is_frozen": True}
    ]
    assert sharing.shown(FAR) == []
    assert sharing.pools[(OFFICE, "Licence")].free == 5


NONSENSE: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["units", "labels", "tenant", "Licence", "free", "held", "site", "or"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(st.tuples(st.sampled_from(["node", "shared", "rights"]), NONSENSE), max_size=6),
    st.integers(),
)
def test_whatever_others_say_only_whole_units_of_a_named_quantity_count(
    said: list[tuple[str, Value]], units: int
) -> None:
    facts = [Fact(OTHER, name, value, 1, 1) for name, value in said]
    sharing = read(*facts, shared(OFFICE, {"Licence": units, "not": 1, "L" * 65: 1}))

    for (owner, name), pool in sharing.everywhere.items():
        assert is_shared(name, pool.total)
        assert 0 <= pool.free <= pool.total <= UNITS_MAX
        assert all(isinstance(units, int) for units in sharing.held(owner, name).values())
    assert ("Licence" in sharing.pooled(OFFICE)) == (0 < units <= UNITS_MAX)


def test_a_node_says_where_it_is_also_while_it_is_away(tmp_path: Path) -> None:
    node = FakeMesh().add(ME, tmp_path, labels={"site": "berlin", "role": "press"})

    assert place_of(node, {"Licence": 8}) == {
        "tenant": "default",
        "labels": {"site": "berlin"},
        "units": {"Licence": 8},
    }
