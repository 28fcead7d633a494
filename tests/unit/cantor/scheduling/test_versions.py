"""Versions in an order."""

from __future__ import annotations

import pytest

from cantor.scheduling.versions import version_key


def test_versions_stand_in_order() -> None:
    ordered = ["0.9", "1.0.0-alpha1", "1.0.0-rc2", "1.0.0rc10", "1.0.0", "1.2", "v1.10.0", "2024.1"]
    keys = [version_key(text) for text in ordered]
    assert all(key is not None for key in keys)
    assert sorted(key for key in keys if key is not None) == keys


@pytest.mark.parametrize("other", ["6.1", "6.1.0-56-amd64", "6.1.0+deb12", "V6.1.0"])
def test_a_build_and_missing_parts_do_not_count(other: str) -> None:
    assert version_key(other) == version_key("6.1.0")


@pytest.mark.parametrize("text", ["", "linux", "-1", "1" * 65, "١.٢"])
def test_what_is_no_version_has_no_key(text: str) -> None:
    assert version_key(text) is None
