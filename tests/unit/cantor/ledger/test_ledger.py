from __future__ import annotations

import tracemalloc
from random import Random
from typing import TYPE_CHECKING

import msgpack
import pytest

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger import sync
from cantor.ledger.facts import BATCH_BYTES_MAX, NAME_LENGTH_MAX, Batch, OverShareError
from cantor.ledger.ledger import Ledger
from cantor.ledger.share import BYTES_PER_OWNER_MAX, FACTS_PER_OWNER_MAX
from cantor.wire.frame import MESH_HEADERS_BYTES_MAX

if TYPE_CHECKING:
    from cantor.wire.frame import Value

A, B = NodeId("a" * 32), NodeId("b" * 32)


def verify(owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
    return signature == owner.encode() + data and certificate in {b"c", b"new"}


def ledger(node: NodeId, epoch: int = 1) -> Ledger:
    def sign(data: bytes) -> bytes:
        return node.encode() + data

    return Ledger(node, epoch=epoch, sign=sign, certificate=b"c", verify=verify)


def test_the_newest_value_holds_in_whatever_order_it_arrives() -> None:
    ours, theirs = ledger(A), ledger(B)
    first, _ = theirs.publish({"x": 1}, 10)
    second, _ = theirs.publish({"x": 2}, 11)

    assert ours.merge(second, 1)[0] == [second]
    assert ours.merge(first, 1) == ([], [])
    assert ours.get(B, "x") == 2


@pytest.mark.parametrize("change", [{"owner": A}, {"signature": b""}, {"data": b"\xc1"}])
def test_facts_that_the_owner_did_not_sign_are_refused(change: dict[str, object]) -> None:
    batch, _ = ledger(B).publish({"x": 1}, 10)
    with pytest.raises(RemoteProtocolError, match="facts of"):
        ledger(A).merge(batch._replace(**change), 1)  # type: ignore[arg-type]


def test_a_node_that_forgot_its_epoch_jumps_above_what_others_remember() -> None:
    old, _ = ledger(A, epoch=7).publish({"x": 1, "gone": 1}, 10)
    reborn = ledger(A)
    reborn.publish({"x": 2}, 5)
    (batch,), _ = reborn.merge(old, 20)

    other = ledger(B)
    other.merge(old, 1)
    other.merge(batch, 1)
    assert (reborn.epoch, other.get(A, "x"), other.get(A, "gone")) == (8, 2, None)


def test_a_node_that_leaves_withdraws_its_facts() -> None:
    leaving = ledger(A)
    leaving.publish({"x": 1}, 1)
    leaving.depart(2)
    assert leaving.get(A, "x") is None


def test_a_node_keeps_to_its_share() -> None:
    with pytest.raises(LocalProtocolError, match="too many"):
        ledger(A).publish({str(n): n for n in range(FACTS_PER_OWNER_MAX + 1)}, 1)


def compare(left: Ledger, right: Ledger) -> tuple[int, int]:
    """Let the left one begin a comparison; the bytes of its messages, and the batches sent."""
    said = sent = 0
    exchange: list[tuple[Ledger, Ledger, dict[str, Value] | Batch]] = [
        (left, right, sync.root(left))
    ]
    while exchange:
        sender, receiver, message = exchange.pop()
        if isinstance(message, Batch):
            receiver.merge(message, 9)
            sent += 1
            continue
        said += len(msgpack.packb(message))
        messages, batches = sync.answer(receiver, message)
        exchange += [(receiver, sender, back) for back in (*messages, *batches)]
    return said, sent


def test_two_ledgers_become_equal_by_comparing_digests() -> None:
    left, right = ledger(A), ledger(B)
    left.publish({"x": 1, "y": [1]}, 1)
    right.publish({"z": {"k": b""}}, 1)
    compare(left, right)
    assert list(left.all_facts()) == list(right.all_facts())


def test_one_fact_among_those_of_a_thousand_owners_costs_little_to_find() -> None:
    left, right = ledger(A), ledger(B)
    owners = [ledger(NodeId(f"{n % 256:02x}{n:030x}")) for n in range(1000)]
    for owner in owners:
        batch, _ = owner.publish(dict.fromkeys(("links", "node", "hardware"), 1), 1)
        left.merge(batch, 9)
        right.merge(batch, 9)
    assert compare(left, right) == (len(msgpack.packb(sync.root(left))), 0)

    right.merge(owners[500].publish({"links": 2}, 2)[0], 9)
    said, sent = compare(left, right)
    assert sent == 1
    assert said < 2500
    assert list(left.all_facts()) == list(right.all_facts())


def test_the_largest_message_of_a_comparison_fits_into_a_frame() -> None:
    row: list[Value] = [A, "n" * NAME_LENGTH_MAX, 2**63 - 1, 2**63 - 1]
    keys: list[Value] = [row] * sync.KEYS_MAX
    owners: list[Value] = [A] * sync.KEYS_MAX
    message: dict[str, Value] = {"step": "keys", "owners": owners, "keys": keys}
    assert len(msgpack.packb(message)) <= MESH_HEADERS_BYTES_MAX


@pytest.mark.parametrize("seed", range(20))
def test_whatever_two_ledgers_hold_one_comparison_makes_them_equal(seed: int) -> None:
    random = Random(seed)  # noqa: S311 -- a seed must repeat its run
    left, right = ledger(A), ledger(B)
    for number in range(30):
        owner = ledger(NodeId(f"{number % 5:02x}{number:030x}"))
        for hlc in range(1, random.randint(2, 5)):
            batch, _ = owner.publish({random.choice("xyz"): hlc}, hlc)
            for here in random.choice([(left,), (right,), (left, right), ()]):
                here.merge(batch, 9)
    compare(left, right)
    assert list(left.all_facts()) == list(right.all_facts())
    assert compare(left, right)[1] == 0


@pytest.mark.parametrize(
    "message",
    [
        {"step": "root"},
        {"step": "buckets", "hashes": 1},
        {"step": "owners", "buckets": 1, "owners": []},
        {"step": "owners", "buckets": [1], "owners": [["a"]]},
        {"step": "keys", "owners": 1, "keys": []},
        {"step": "want", "keys": [[]]},
    ],
)
def test_a_digest_of_the_wrong_shape_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError, match="digest"):
        sync.answer(ledger(A), message)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [BYTES_PER_OWNER_MAX // 2, BYTES_PER_OWNER_MAX + 1])
def test_an_owner_with_more_bytes_than_its_share_is_refused(size: int) -> None:
    ours, data = ledger(A), b""
    for number in range(3):
        content = {"owner": B, "facts": [[str(number), 1, 1, bytes(size)]]}
        data = msgpack.packb(content)
        if size * (number + 1) >= BYTES_PER_OWNER_MAX:
            break
        ours.merge(Batch(B, data, B.encode() + data, b"c"), 1)
    with pytest.raises(OverShareError if size < BATCH_BYTES_MAX else RemoteProtocolError):
        ours.merge(Batch(B, data, B.encode() + data, b"c"), 1)


def test_a_batch_larger_than_any_share_is_refused_before_its_objects_are_made() -> None:
    bomb = b"\x90" * (8 * 1024 * 1024)  # lists with nothing in them, of 56 bytes each
    data = b"\xdd" + len(bomb).to_bytes(4, "big") + bomb
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError, match="larger than any share"):
            ledger(A).merge(Batch(B, data, b"unsigned", b"c"), 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024


def test_fields_that_this_version_does_not_know_travel_on_as_they_were_signed() -> None:
    content = {"owner": B, "facts": [["x", 1, 1, 5, "later"]], "more": {"k": 1}}
    data = msgpack.packb(content)
    batch = Batch(B, data, B.encode() + data, b"c")
    ours = ledger(A)
    assert ours.merge(batch, 1)[0] == [batch]
    assert ours.get(B, "x") == 5
    assert ours.batch(B, "x") == batch


def test_the_hash_of_an_owner_follows_each_change_of_its_facts() -> None:
    ours = ledger(A)
    seen = []
    for hlc in range(3):
        ours.publish({"x": 1}, hlc)
        seen.append(ours.digests.owner(A))
    assert len(set(seen)) == 3
    assert ours.digests.owner(A) == seen[-1]


def test_what_the_observer_of_stamps_refuses_is_not_kept() -> None:
    def refuse(stamp: int) -> None:
        raise RemoteProtocolError(f"stamp {stamp}")

    batch, _ = ledger(B).publish({"x": 1}, 10)
    ours = ledger(A)
    with pytest.raises(RemoteProtocolError, match="stamp 10"):
        ours.merge(batch, 1, observe=refuse)
    assert ours.get(B, "x") is None


def test_what_is_withdrawn_makes_room_here_and_elsewhere() -> None:
    ours, theirs = ledger(A), ledger(B)
    for number in range(3 * FACTS_PER_OWNER_MAX):
        for value in (number, None):
            batch, _ = ours.publish({f"fact/{number}": value}, 2 * number + (value is None))
            theirs.merge(batch, 1)
    assert theirs.digests.root() == ours.digests.root()
    assert ours.own() == {}


def test_a_node_that_forgot_many_facts_withdraws_them_in_batches_that_others_take() -> None:
    old, other, reborn = ledger(A, epoch=7), ledger(B), ledger(A)
    batches = [
        old.publish({f"fact/{number}": value}, 2 * number + (value is None))[0]
        for number in range(2 * FACTS_PER_OWNER_MAX)
        for value in (number, None)
    ]
    for batch in batches:
        other.merge(batch, 1)
    reborn.publish({"x": 1}, 1)
    for number in range(0, len(batches), 2):
        answer, _ = reborn.merge(batches[number + 1], 10_000 + number)
        for batch in answer:
            other.merge(batch, 1)
    assert {fact.name: fact.value for fact in other.all_facts() if fact.value is not None} == {
        "x": 1
    }
    assert list(other.all_facts()) == list(reborn.all_facts())


def test_a_full_node_refuses_and_goes_on() -> None:
    full = ledger(A)
    for number in range(FACTS_PER_OWNER_MAX):
        full.publish({str(number): number}, number)
    with pytest.raises(LocalProtocolError, match="too many"):
        full.publish({"one more": 1}, 1000)
    full.publish({"0": "changed"}, 1001)
    assert (full.get(A, "0"), full.get(A, "one more")) == ("changed", None)


def test_what_no_trusted_certificate_proves_is_forgotten_as_if_it_had_never_been_said() -> None:
    ours, theirs, twin = ledger(A), ledger(B), ledger(A)
    ours.publish({"mine": 1, "gone": 1}, 10)
    ours.publish({"gone": None}, 11)
    former, _ = theirs.publish({"x": 1, "y": 2}, 10)
    theirs.certify(b"new")
    ours.merge(former, 12)
    ours.merge(theirs.publish({"y": 3}, 11)[0], 12)

    gone = ours.forget({b"c"})

    assert [(fact.owner, fact.name, fact.value) for fact in gone] == [
        (A, "gone", None),
        (B, "x", None),
    ]
    assert (ours.get(A, "mine"), ours.get(B, "y"), ours.get(B, "x")) == (1, 3, None)
    ours.forget({b"new"})
    assert ours.certificates() == {b"c"}
    twin.publish({"mine": 1}, 10)
    assert ours.digests.root() == twin.digests.root()


def test_facts_are_found_by_how_their_name_begins() -> None:
    ours, theirs = ledger(A), ledger(B)
    ours.publish({"run/b": 1, "run/a": 2, "node": 3}, 1)
    ours.merge(theirs.publish({"run/c": 4}, 1)[0], 2)

    assert [fact.value for fact in ours.facts_named("run/")] == [2, 1, 4]
    assert [fact.value for fact in ours.facts_named("run/", but={A})] == [4]
    assert list(ours.owners()) == [A, B]
