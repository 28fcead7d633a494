from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError
from cantor.cli import schema

if TYPE_CHECKING:
    from pathlib import Path

BELT: dict[str, Any] = {"title": "Belt", "type": "object", "description": "传送带"}


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    schema.register(parser.add_subparsers(), lambda: {"belt": lambda: BELT})
    options = parser.parse_args(["schema", *arguments])
    return int(options.run(options))


def test_the_list_names_every_kind_of_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0

    assert capsys.readouterr().out.split() == ["NAME", "WHAT", "IT", "DESCRIBES", "belt", "Belt"]


def test_the_list_can_be_read_by_programs(capsys: pytest.CaptureFixture[str]) -> None:
    run("list", "--json")

    assert json.loads(capsys.readouterr().out) == [{"name": "belt", "title": "Belt"}]


def test_a_schema_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    run("show", "belt")

    assert json.loads(capsys.readouterr().out) == BELT


def test_an_unknown_name_says_how_to_see_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'hat': no such schema — cantor schema list"):
        run("show", "hat")


def test_every_schema_is_written_for_an_editor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "schemas"

    run("write", str(folder))

    assert capsys.readouterr().out == f"{folder / 'belt.schema.json'}\n"
    assert json.loads((folder / "belt.schema.json").read_text(encoding="utf-8")) == BELT


def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be written"):
        run("write", str(tmp_path / "file" / "schemas"))


def test_what_is_installed_is_found_by_its_group() -> None:
    for name, make in schema.installed().items():
        made = make()

        assert made["$schema"].startswith("https://json-schema.org/"), name
        assert made["title"], name
