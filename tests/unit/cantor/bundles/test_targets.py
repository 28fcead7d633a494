"""Targets of wheels as one word, and which bundle of several is for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import BundleError
from cantor.bundles.wheels import WHEELS_CHARACTERS_MAX, Target, fitting, target_here


def test_what_this_machine_can_run_is_told_by_one_word() -> None:
    here = target_here()
    told = Target.named(here.key)

    assert told.python == here.python
    assert set(told.platforms) == set(here.platforms)


@given(
    st.integers(11, 40),
    st.sampled_from(["many", "musl"]),
    st.integers(17, 60),
    st.sampled_from(["x86_64", "aarch64", "armv7l"]),
)
def test_a_target_is_read_as_it_was_written(
    python: int, kind: str, minor: int, machine: str
) -> None:
    key = f"3.{python}/{kind}linux_2_{minor}_{machine}"

    assert Target.named(key).key == key
    assert f"linux_{machine}" in Target.named(key).platforms


def test_a_newer_library_runs_wheels_for_an_older_one_and_not_the_other_way() -> None:
    new, old = (
        Target.named("3.12/manylinux_2_39_aarch64"),
        Target.named("3.12/musllinux_1_1_x86_64"),
    )

    assert {"manylinux_2_28_aarch64", "manylinux2014_aarch64"} < set(new.platforms)
    assert "manylinux_2_40_aarch64" not in new.platforms
    assert old.platforms == ("musllinux_1_1_x86_64", "musllinux_1_0_x86_64", "linux_x86_64")
    assert Target.named("3.12/macosx_14_0_arm64").platforms == ("macosx_14_0_arm64",)


@pytest.mark.parametrize("key", ["", "3.11", "2.7/any", "3.11/", "3.11/a b", "3.11/" + "x" * 81])
def test_what_is_no_target_is_refused(key: str) -> None:
    with pytest.raises(BundleError, match="not a target"):
        Target.named(key)


def test_the_bundle_for_a_target_is_found_among_others() -> None:
    one, other = Target.named("3.11/manylinux_2_36_x86_64"), Target.named("3.12/any")
    wheels = f"{one.key}=ab 3.13/any="

    assert fitting(wheels, one) == "ab"
    assert fitting(wheels, other) is None
    assert fitting(wheels, Target.named("3.13/any")) == ""
    with pytest.raises(BundleError, match="too many targets"):
        fitting("x" * (WHEELS_CHARACTERS_MAX + 1), one)
