"""What is said to all: signed by its source, believed once."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.identity.broadcasts import Broadcasts
from cantor.identity.seal_hellos import Signer
from cantor.identity.vouching import Vouching
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cantor.identity.sealing_nodes import Node


def test_a_broadcast_is_believed_once_and_only_from_who_signed_it(
    a: Node, b: Node, make: Callable[..., Node]
) -> None:
    c = make("c")
    a.restart()  # it stamps later than b's start
    news = DataFrame(Kind.DATA, a.id, NodeId("f" * 32), 3, headers={"t": "n"}, body=(b"x",))
    signed = a.seals.sign(news)
    assert b.seals.verified(signed) == news
    assert b.seals.verified(signed) is None
    assert b.counters["replayed"] == 1
    again = a.seals.sign(news)
    content, signature, certificate = again.body
    for forged in (
        dataclasses.replace(again, source=c.id),
        dataclasses.replace(again, message_id=4),
        dataclasses.replace(again, hlc=again.hlc + 1),
        dataclasses.replace(again, body=(bytes(content) + b"y", signature, certificate)),
        dataclasses.replace(again, body=(content, signature, c.folder.chain.pem)),
        dataclasses.replace(again, body=(content,)),
    ):
        with pytest.raises(RemoteProtocolError):
            b.seals.verified(forged)
    assert b.seals.verified(dataclasses.replace(again, kind=Kind.DATA)) is None
    assert (b.counters["forged"], b.counters["unsealed"]) == (0, 1)  # its caller counts
    assert b.seals.verified(dataclasses.replace(again, ttl=2)) is not None
    b.epoch = 9
    b.start()
    assert b.seals.verified(again) is None  # from before its start
    assert b.counters["replayed"] == 1


def test_a_broadcast_of_a_denied_node_is_refused_without_a_check(a: Node, b: Node) -> None:
    a.restart()
    b.denied.add(a.id)
    signed = a.seals.sign(DataFrame(Kind.DATA, a.id, NodeId("f" * 32)))
    content, _, certificate = signed.body
    unchecked = dataclasses.replace(signed, body=(content, b"", certificate))
    assert b.seals.verified(unchecked) is None
    assert b.counters["forged"] == 1


def test_a_broadcast_that_is_older_than_all_that_are_remembered_is_refused(
    a: Node, b: Node
) -> None:
    a.restart()
    news = DataFrame(Kind.DATA, a.id, NodeId("f" * 32), 3)
    signed = [a.seals.sign(news) for _ in range(258)]
    for frame in signed[1:]:
        assert b.seals.verified(frame) is not None
    assert b.seals.verified(signed[0]) is None
    assert b.seals.verified(signed[1]) is None


def test_nothing_is_believed_and_no_time_is_asked_before_the_node_begins(a: Node, b: Node) -> None:
    a.restart()
    signed = a.seals.sign(DataFrame(Kind.DATA, a.id, NodeId("f" * 32), 3))
    asked = itertools.count(1)
    broadcasts = Broadcasts(
        Signer(b.id, "mesh.test", lambda _: b"", lambda: b""),
        Vouching("mesh.test", b.folder.chain.root_pem),
        b.counters,
        stamp=lambda: next(asked),
        is_refused=lambda _: False,
    )
    assert broadcasts.verified(signed) is None
    assert next(asked) == 1
    broadcasts.begin()
    assert broadcasts.verified(signed) is not None
