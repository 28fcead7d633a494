from __future__ import annotations

import pytest

from cantor.base.ids import NodeId
from cantor.base.object_ref import ObjectRef
from cantor.bundles.known import Known
from cantor.bundles.values import pack, unpack

OWNER = NodeId("ab" * 16)


def test_a_reference_is_text_and_a_value_and_a_key() -> None:
    ref = ObjectRef.fresh(OWNER)
    assert ObjectRef.parse(str(ref)) == ref
    assert ref != ObjectRef.fresh(OWNER)
    value = {"one": ref, "more": [(ref,)], ref: 1}
    assert unpack(pack(value, []), [], classes=Known()) == value


@pytest.mark.parametrize(
    "text", ["", "/", "ab", f"{OWNER}/", f"{OWNER}/{'g' * 32}", f"{OWNER}/{'a' * 31}", f"x/{OWNER}"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        ObjectRef.parse(text)
