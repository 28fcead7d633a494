from __future__ import annotations

from cantor.base.resources import Resource, merge_resources


def test_conditions_hold_if_one_device_gives_them() -> None:
    flags = [Resource("USBCamera", "condition", value) for value in (False, True, False)]
    assert merge_resources(flags) == [Resource("USBCamera", "condition", value=True)]


def test_quantities_add_up_and_texts_stay_apart() -> None:
    memory = [Resource("Memory", "quantity", size, "B") for size in (1024, 2048)]
    names = [Resource("GPUName", "condition", name) for name in ("A", "B", "A")]

    assert merge_resources([*memory, *names]) == [
        Resource("Memory", "quantity", 3072, "B"),
        Resource("GPUName", "condition", "A"),
        Resource("GPUName", "condition", "B"),
    ]
