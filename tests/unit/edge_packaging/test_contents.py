from __future__ import annotations

from pathlib import Path

import pytest

from cantor.base.errors import ConfigError
from edge_packaging.contents import (
    BUILDS,
    CORE,
    ENTRY_GROUPS,
    OWN_PACKAGES,
    VISION,
    build_named,
    hidden_modules,
    registered,
)
from edge_packaging.verbs import left_out_verbs, verbs_of

ROOT = Path(__file__).resolve().parents[3]
TOPS = ("agent", "devices", "hub", "firmware-bridge", "packaging", "hil-tests")


def test_the_table_knows_every_package_of_the_house() -> None:
    there = {path.parent.name for top in TOPS for path in (ROOT / top).glob("*/__init__.py")}

    assert there <= set(OWN_PACKAGES)


def test_the_table_knows_every_group_that_the_code_reads() -> None:
    code = "".join(
        path.read_text() for top in TOPS for path in (ROOT / top).glob("*/**/*.py")
    ).replace("packaging", "")

    for group in ENTRY_GROUPS:
        assert f'_GROUP = "{group}"' in code


def test_no_build_excludes_what_it_carries() -> None:
    for build in BUILDS:
        wanted = {module.partition(".")[0] for module in build.modules} | set(build.packages)

        assert wanted.isdisjoint(name.partition(".")[0] for name in build.excluded)


def test_gpl_parts_of_the_standard_library_stay_out() -> None:
    for build in BUILDS:
        assert {"readline", "_gdbm", "_dbm"} <= set(build.excluded)
        assert "readline" not in hidden_modules(build)


def test_code_that_arrives_later_finds_the_standard_library() -> None:
    assert {"wave", "csv", "statistics", "sqlite3"} <= set(hidden_modules(CORE))


def test_hidden_modules_follow_the_entry_points() -> None:
    assert "edge_devices.cli" in hidden_modules(CORE)
    assert "galaxy.cli" not in hidden_modules(CORE)
    assert "galaxy.cli" in hidden_modules(VISION)


def test_a_verb_left_out_names_the_build_that_has_it() -> None:
    assert left_out_verbs(CORE)["pipeline"] == "vision"
    assert left_out_verbs(CORE)["hub"] == ""
    assert "pipeline" not in left_out_verbs(VISION)


def test_the_verbs_of_a_build_are_those_of_its_packages() -> None:
    assert {"agent", "enroll", "device"} <= set(verbs_of(CORE))
    assert set(verbs_of(CORE)) | {"pipeline", "filter", "model"} <= set(verbs_of(VISION))
    assert "hub" not in verbs_of(VISION)


def test_only_our_own_entry_points_count() -> None:
    for group in ENTRY_GROUPS:
        assert {point.module.partition(".")[0] for point in registered(group)} <= set(OWN_PACKAGES)


def test_an_unknown_build_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="core, vision"):
        build_named("whole")
