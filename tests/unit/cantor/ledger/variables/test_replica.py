"""One copy of all variables: which entry holds, what there is room for, what is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError, UnavailableError
from cantor.base.ids import NodeId
from cantor.ledger.variables.entry import VALUE_BYTES_MAX, Entry, make_entry
from cantor.ledger.variables.replica import BUCKETS, Limits, Outcome, Replica

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)
NOW = 1_750_000_000.0
FEW = Limits(variables_max=2, names_max=3, bytes_max=100, tombstones_s=100.0)


def stamped(at: float, name: str = "a", value: bytes | None = b"x") -> Entry:
    return make_entry(name, int(at * 1000) << 16, BIRCH, value)


def test_what_is_set_last_holds() -> None:
    replica = Replica(ASH)
    first = replica.set("a", b"1", NOW)
    second = replica.set("a", b"2", NOW)

    assert first is not None
    assert second is not None
    assert second > first
    assert replica.get("a") == second
    assert replica.take(first, NOW) is Outcome.OLD


def test_what_is_set_after_something_was_seen_holds_though_the_clock_is_behind() -> None:
    replica = Replica(ASH)
    assert replica.take(stamped(NOW + 50), NOW) is Outcome.TAKEN

    replica.set("a", b"mine", NOW)

    entry = replica.get("a")
    assert entry is not None
    assert entry.value == b"mine"


def test_a_restart_goes_on_behind_what_was_set_before() -> None:
    before = Replica(ASH)
    before.set("a", b"1", NOW)
    replica = Replica(ASH, before.entries.values())

    replica.set("a", b"2", NOW - 1000)

    entry = replica.get("a")
    assert entry is not None
    assert entry.value == b"2"
    assert before.root != replica.root


def test_deleting_what_is_not_there_changes_nothing() -> None:
    replica = Replica(ASH)
    assert replica.set("a", None, NOW) is None
    replica.set("a", b"1", NOW)

    assert replica.set("a", None, NOW) is not None
    assert replica.set("a", None, NOW) is None
    assert replica.get("a") is None
    assert replica.names() == []
    assert (replica.live, len(replica.entries)) == (0, 1)


def test_names_that_begin_so_in_order() -> None:
    replica = Replica(ASH)
    for name in ("b", "line/2", "line/1", "line/3"):
        replica.set(name, b"", NOW)
    replica.set("line/3", None, NOW)

    assert replica.names("line/") == ["line/1", "line/2"]


def test_one_that_is_too_large_is_refused() -> None:
    replica = Replica(ASH)
    replica.set("a", bytes(VALUE_BYTES_MAX), NOW)

    with pytest.raises(ConfigError, match=r"64\.0 KiB"):
        replica.set("a", bytes(VALUE_BYTES_MAX + 1), NOW)


def test_a_full_tenant_refuses_new_ones_and_takes_changes() -> None:
    replica = Replica(ASH, limits=FEW)
    replica.set("a", b"1", NOW)
    replica.set("b", b"1", NOW)
    with pytest.raises(UnavailableError, match="2 variables"):
        replica.set("c", b"1", NOW)
    replica.set("a", b"2", NOW)
    replica.set("a", None, NOW)
    replica.set("c", b"1", NOW)
    replica.set("c", None, NOW)

    with pytest.raises(UnavailableError, match="2 deleted ones"):
        replica.set("d", b"1", NOW)
    with pytest.raises(UnavailableError):
        replica.set("b", bytes(100), NOW)
    replica.set("a", b"again", NOW)


def test_what_others_have_set_is_taken_beyond_the_limits_but_not_without_end() -> None:
    replica = Replica(ASH, limits=FEW)
    outcomes = [replica.take(stamped(NOW, f"v{n}"), NOW) for n in range(13)]

    assert outcomes == [Outcome.TAKEN] * 12 + [Outcome.FULL]
    assert replica.take(stamped(NOW + 1, "v0", bytes(400)), NOW) is Outcome.FULL


def test_what_is_ahead_of_the_clock_is_refused() -> None:
    replica = Replica(ASH)

    assert replica.take(stamped(NOW + 61), NOW) is Outcome.AHEAD
    assert replica.take(stamped(NOW + 59), NOW) is Outcome.TAKEN


def test_a_clock_that_was_set_back_stamps_anew_what_lies_ahead_of_it() -> None:
    replica = Replica(ASH)
    replica.set("now", b"1", NOW)
    replica.set("later", b"1", NOW + 3600)

    anew = replica.stamp_anew(NOW)

    assert [entry.name for entry in anew] == ["later"]
    assert Replica(BIRCH).take(anew[0], NOW) is Outcome.TAKEN
    assert replica.stamp_anew(NOW) == []


def test_tombstones_are_forgotten_after_their_time() -> None:
    replica = Replica(ASH, limits=FEW)
    replica.set("a", b"1", NOW)
    replica.set("a", None, NOW)

    assert replica.forget(NOW + 99) == []
    assert replica.forget(NOW + 101) == ["a"]
    assert (replica.root, replica.bytes, replica.live) == (Replica(ASH).root, 0, 0)
    assert replica.horizon > 0


def test_what_is_older_than_a_forgotten_tombstone_does_not_come_back() -> None:
    replica = Replica(ASH, [stamped(NOW, "b", b"kept")], limits=FEW)
    old = stamped(NOW)
    replica.take(old, NOW)
    replica.set("a", None, NOW)
    replica.forget(NOW + 200)

    assert replica.take(old, NOW + 200) is Outcome.FORGOTTEN
    assert replica.take(stamped(NOW + 100), NOW + 200) is Outcome.TAKEN
    assert replica.take(stamped(NOW + 1, "b"), NOW + 200) is Outcome.TAKEN


def test_only_a_horizon_that_can_be_makes_a_node_give_up_something() -> None:
    replica = Replica(ASH, limits=FEW)
    replica.set("a", b"1", NOW)
    entry = replica.entries["a"]

    assert replica.give_up(["a", "b"], entry.hlc, NOW + 10) == []
    assert replica.give_up(["a"], entry.hlc - 1, NOW + 200) == []
    assert replica.give_up(["a"], entry.hlc, NOW + 200) == ["a"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"), st.sampled_from([b"x", b"yy", None]), st.integers(0, 5)
        ),
        max_size=40,
    ),
    st.randoms(),
)
def test_copies_are_equal_whatever_the_order(
    changes: list[tuple[str, bytes | None, int]], random: object
) -> None:
    entries = [stamped(NOW + at, name, value) for name, value, at in changes]
    one, other = Replica(ASH), Replica(BIRCH)
    for entry in entries:
        one.take(entry, NOW)
    random.shuffle(entries)  # type: ignore[attr-defined]
    for entry in entries:
        other.take(entry, NOW)

    again = Replica(ASH, one.entries.values())
    assert one.entries == other.entries
    assert one.root == other.root == again.root
    assert one.buckets() == other.buckets() == again.buckets()
    assert (one.live, one.bytes) == (again.live, again.bytes)


def test_copies_that_differ_say_in_which_buckets() -> None:
    one, other = Replica(ASH), Replica(BIRCH)
    for number in range(500):
        entry = one.set(f"v{number}", b"x", NOW)
        assert entry is not None
        other.take(entry, NOW)
    assert one.differing(other.buckets()) == []

    other.set("v7", b"y", NOW)

    (bucket,) = one.differing(other.buckets())
    assert 0 <= bucket < BUCKETS
    assert "v7" in [entry.name for entry in one.members([bucket])]
    assert one.root != other.root
