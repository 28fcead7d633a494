from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.wire import DataFrame, Kind
from galaxy.edge_message import EdgeMessage

junk: st.SearchStrategy[object] = (
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.just({})
)


@given(
    headers=st.dictionaries(
        st.sampled_from(["kind", "connection", "epoch", "number", "headers"]),
        junk | st.sampled_from(["frame", "grant", "end"]),
    )
)
def test_what_is_no_edge_message_is_refused(headers: dict[str, object]) -> None:
    good = EdgeMessage("end", "a.out -> b.in", 1, 2, {"run": 3})
    here = NodeId("00" * 16)
    try:
        EdgeMessage.unpack(DataFrame(Kind.DATA, here, here, headers=headers))  # type: ignore[arg-type]
    except RemoteProtocolError:
        pass
    else:
        assert set(headers) >= set(good.packed_headers())
    packed = DataFrame(Kind.DATA, here, here, headers={"op": "edge", **good.packed_headers()})
    assert EdgeMessage.unpack(packed) == good
