"""Keys as the state of a group: the same commands make the same state, also over a snapshot."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.stores import key_machine
from cantor.stores.errors import StoreError
from cantor.stores.key_machine import KeyMachine, pack_change, unpack_outcome

GROUP = "9" * 32
KEYS = st.sampled_from(["a", "b", "c"])
COMMANDS = st.tuples(
    KEYS, st.none() | st.binary(max_size=4), st.floats(0, 9), st.none() | st.integers(0, 6)
)


def change(
    machine: KeyMachine, key: str, value: bytes | None, expect: int | None = None
) -> int | list[str]:
    return unpack_outcome(machine.apply(pack_change("s", key, value, 1.0, expect)))


def held(machine: KeyMachine) -> list[tuple[str, int, float, bytes | None]]:
    rows = machine.since("s", "", 0, 1000)
    return [(one.key, one.revision, one.at, one.value) for one in rows]


@settings(max_examples=60)
@given(st.lists(COMMANDS, max_size=30), st.integers(0, 30))
def test_members_agree_also_one_that_began_with_a_snapshot(
    commands: list[tuple[str, bytes | None, float, int | None]], cut: int
) -> None:
    first, second = KeyMachine(GROUP), KeyMachine(GROUP)
    for number, (key, value, at, expect) in enumerate(commands):
        if number == cut:
            second.restore(first.snapshot())
        command = pack_change("s", key, value, at, expect)
        answer = first.apply(command)
        if number >= cut:
            assert second.apply(command) == answer
    if len(commands) > cut:
        assert held(second) == held(first)
        assert second.tables.id == first.tables.id == GROUP
    first.close()
    second.close()


def test_what_is_refused_is_an_answer_too() -> None:
    machine = KeyMachine(GROUP)
    revision = change(machine, "a", b"1", 0)
    assert isinstance(revision, int)
    assert change(machine, "a", b"2", 0)[0] == "ConflictError"  # type: ignore[index]
    assert change(machine, "b", None) == 0
    assert change(machine, "a", None, revision) == revision + 1
    machine.close()


def test_it_takes_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_machine, "KEYS_MAX", 1)
    machine = KeyMachine(GROUP)
    change(machine, "a", b"1")
    assert change(machine, "b", b"1")[0] == "StoreError"  # type: ignore[index]
    machine.close()


@given(
    st.binary(max_size=60) | st.lists(st.none() | st.text() | st.integers(-9, 9)).map(msgpack.packb)
)
def test_no_command_does_harm(command: bytes) -> None:
    machine = KeyMachine(GROUP)
    outcome = unpack_outcome(machine.apply(command))
    assert isinstance(outcome, list)
    assert held(machine) == []
    machine.close()


def test_a_snapshot_of_nothing_is_empty_and_an_odd_one_is_told() -> None:
    machine = KeyMachine(GROUP)
    change(machine, "a", b"1")
    with pytest.raises(StoreError, match="no keys"):
        machine.restore(b"not a database" * 100)
    assert held(machine), "what was there before stays"
    machine.restore(b"")
    assert held(machine) == []
    machine.close()


@pytest.mark.parametrize("answer", [b"\xc1", msgpack.packb("a"), msgpack.packb(["a", 1, "", ""])])
def test_an_odd_answer_is_told(answer: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack_outcome(answer)
