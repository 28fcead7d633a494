from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cantor.workers.sandbox.machine import run

from cantor.workers.sandbox.bpf import ALLOW, KILL, Compare, Rule, assemble, refuse
from cantor.workers.sandbox.syscalls import MACHINES, Machine

MACHINE = Machine("toy", 7, {"one": 1, "two": 2, "three": 3}, foreign_from=1000)
UNKNOWN, NO = refuse(38), refuse(1)
NUMBERS = st.integers(0, 0xFFFFFFFF)


def decide(rules: list[Rule], number: int, *arguments: int, machine: int = 7) -> int:
    return run(assemble(MACHINE, rules, 99, UNKNOWN), machine, number, arguments)


def test_refusals_carry_their_error_number() -> None:
    assert refuse(13) == 0x0005000D


def test_another_machine_is_ended() -> None:
    assert decide([], 1, machine=8) == KILL


@pytest.mark.parametrize(
    ("number", "end"),
    [(0, ALLOW), (99, ALLOW), (100, UNKNOWN), (999, UNKNOWN), (1000, KILL), (0xFFFFFFFF, KILL)],
)
def test_numbers_have_an_end(number: int, end: int) -> None:
    assert decide([], number) == end


def test_without_a_foreign_interface_all_later_numbers_are_unknown() -> None:
    plain = Machine("toy", 7, {})

    assert run(assemble(plain, [], 99, UNKNOWN), 7, 0x40000001) == UNKNOWN


def test_a_rule_is_for_its_call_alone() -> None:
    assert decide([Rule("two", NO)], 2) == NO
    assert decide([Rule("two", NO)], 1) == decide([Rule("two", NO)], 3) == ALLOW


def test_a_call_that_the_machine_lacks_has_no_rule() -> None:
    assert decide([Rule("four", NO), Rule("one", NO)], 1) == NO


def test_the_first_rule_that_fits_decides() -> None:
    rules = [Rule("one", refuse(5), 0, Compare.IS, (3,)), Rule("one", NO)]

    assert decide(rules, 1, 3) == refuse(5)
    assert decide(rules, 1, 4) == NO


def test_rules_behind_one_with_a_test_still_see_the_number() -> None:
    rules = [Rule("one", NO, 0, Compare.IS, (2,)), Rule("two", NO)]

    assert decide(rules, 1, 1) == ALLOW
    assert decide(rules, 2, 0) == NO


@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=8))
def test_is_and_is_none_of_are_opposites(argument: int, values: list[int]) -> None:
    told = tuple(values)
    is_in = argument in values

    assert decide([Rule("one", NO, 2, Compare.IS, told)], 1, 9, 9, argument) == (
        NO if is_in else ALLOW
    )
    assert decide([Rule("one", NO, 2, Compare.IS_NONE_OF, told)], 1, 9, 9, argument) == (
        ALLOW if is_in else NO
    )


@given(NUMBERS, NUMBERS)
def test_any_bit(argument: int, bits: int) -> None:
    rule = Rule("one", NO, 5, Compare.HAS_ANY_BIT, (bits,))

    assert decide([rule], 1, 0, 0, 0, 0, 0, argument) == (NO if argument & bits else ALLOW)


@given(NUMBERS, NUMBERS, st.lists(NUMBERS, min_size=1, max_size=4))
def test_under_a_mask(argument: int, mask: int, values: list[int]) -> None:
    rule = Rule("one", NO, 0, Compare.MASKED_IS, (mask, *values))

    assert decide([rule], 1, argument) == (NO if argument & mask in values else ALLOW)


@given(NUMBERS, st.integers(0, 0xFFFFFFFF))
def test_only_the_low_half_of_an_argument_counts(argument: int, high: int) -> None:
    rule = Rule("one", NO, 0, Compare.IS, (argument,))

    assert decide([rule], 1, high << 32 | argument) == NO


def test_too_many_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="4096"):
        assemble(MACHINE, [Rule("one", NO)] * 3000, 99, UNKNOWN)


def test_the_tables_differ_in_old_calls_of_one_machine_only() -> None:
    x86, arm = MACHINES["x86_64"].numbers, MACHINES["aarch64"].numbers

    assert set(arm) <= set(x86)
    assert set(x86) - set(arm) == {
        *("mknod", "uselib", "sysfs", "modify_ldt", "_sysctl", "iopl", "ioperm"),
        *("create_module", "get_kernel_syms", "query_module"),
    }


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_no_number_is_used_twice(name: str) -> None:
    numbers = list(MACHINES[name].numbers.values())

    assert len(set(numbers)) == len(numbers)
