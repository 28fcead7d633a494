from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.base.object_ref import ObjectRef
from cantor.tasks.calls import OBJECTS_MAX, reading
from cantor.workers.units import Terms

TERMS = Terms(name="read")


def refs(count: int) -> list[ObjectRef]:
    return [ObjectRef.fresh(NodeId("a" * 32)) for _ in range(count)]


def test_the_objects_among_arguments_are_said() -> None:
    one, two, three, four = refs(4)
    terms = reading(TERMS, (1, one, [two, "x"]), {"a": (three,), "b": {"c": four, "d": one}})
    assert terms.objects.split() == [str(ref) for ref in (one, two, three, four)]
    assert terms.name == "read"


def test_calls_without_any_have_the_same_terms() -> None:
    assert reading(TERMS, (1, [2], {"a": [refs(1)]}), {"b": "c"}) is TERMS


def test_so_many_are_said_and_long_lists_are_not_looked_through() -> None:
    assert len(reading(TERMS, tuple(refs(40)), {}).objects.split()) == OBJECTS_MAX
    assert reading(TERMS, (refs(40),), {}) is TERMS
