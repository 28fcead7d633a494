from __future__ import annotations

from dataclasses import replace

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.wire import Hello, Kind, agree, hello_frame, parse_hello

OURS = Hello(NodeId("a" * 32), "plant", "n1", capabilities=("zstd", "x"))


def test_a_hello_is_read_as_it_was_sent() -> None:
    assert parse_hello(hello_frame(OURS, kind=Kind.HELLO_ACK)) == OURS


def test_both_sides_agree_on_the_newest_common_version_and_common_capabilities() -> None:
    theirs = replace(OURS, protocol_max=3, capabilities=("zstd",))
    agreement = agree(replace(OURS, protocol_max=2), theirs)
    assert (agreement.protocol, agreement.capabilities) == (2, frozenset({"zstd"}))


@pytest.mark.parametrize("change", [{"mesh": "other"}, {"nonce": "n2"}, {"protocol_min": 2}])
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        agree(OURS, replace(OURS, protocol_max=2, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["mesh", "nonce", "role", "protocol"])
def test_a_hello_with_a_field_missing_is_refused(name: str) -> None:
    frame = hello_frame(OURS)
    headers = {key: value for key, value in frame.headers.items() if key != name}
    with pytest.raises(RemoteProtocolError, match="hello"):
        parse_hello(replace(frame, headers=headers))
