"""Nothing that the code offers is missing from the reference."""

from __future__ import annotations

import json
import re

import pytest
from docs.generate import command_line, errors, files, filters, python_api, rest_api, settings
from docs.generate.markdown import prose, table
from docs.generate.search_words import BREAK, apart
from docs.generate.site import REFERENCE

from cantor.cli.schema import installed
from galaxy.pipeline import CONNECTION_KEYS, FILTER_KEYS
from galaxy.registry import BUILT_IN


def headings(page: str) -> set[str]:
    found = re.findall(r"^#+ (.+?)(?: \{.*\})?$", page, re.MULTILINE)
    return {heading.replace("`", "") for heading in found}


def test_every_verb_has_its_entry_with_every_option() -> None:
    page = command_line.command_line()

    assert {path for path, _, _ in command_line.verbs()} <= headings(page)
    for path, parser, _ in command_line.verbs():
        entry = page.partition(f"`{path}`\n")[2]
        for action in parser._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or option in entry, f"{path} {option}"


def test_every_verb_prints_its_help_and_where_its_folder_is() -> None:
    for path, parser, _ in command_line.verbs():
        text = parser.format_help()

        assert path in text
        assert "%(" not in text


def test_a_verb_tells_its_exit_codes() -> None:
    page = command_line.command_line()

    assert "Exit codes: 0 done; 1 a plan leaves a filter without a node" in page


def test_no_entry_names_the_machine_that_wrote_it() -> None:
    import platform

    page = command_line.command_line() + settings.settings()

    assert str(platform.node()) not in page.split()
    assert "/root" not in page


def test_every_filter_has_its_entry() -> None:
    assert set(BUILT_IN) <= headings(filters.filters())


def test_every_operation_has_its_entry() -> None:
    wanted = {f"{method} {path}" for method, path, _ in rest_api.operations(rest_api.document())}

    assert wanted <= headings(rest_api.rest_api())
    assert json.loads(rest_api.document_text())["openapi"] == "3.1.0"


def test_every_type_that_an_operation_names_has_its_entry() -> None:
    page = rest_api.rest_api()

    named = set(re.findall(r"\]\(#(type-[a-z]+)\)", page))
    assert named
    assert named <= set(re.findall(r"\{ #(type-[a-z]+) \}", page))


def test_every_exported_name_has_its_entry() -> None:
    assert set(python_api.public_names()) <= headings(python_api.python_api())


def test_every_error_has_its_row() -> None:
    page = errors.errors()

    names = [kind.__name__ for kind in errors.tree()]
    assert {"ConfigError", "FilterError", "EnrolmentPendingError"} <= set(names)
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_every_variable_of_the_environment_is_told() -> None:
    assert set(settings.VARIABLES) == settings.variables_read()


@pytest.mark.parametrize("key", [*FILTER_KEYS, *CONNECTION_KEYS])
def test_every_key_of_a_pipeline_file_is_told(key: str) -> None:
    assert f"| `{key}` |" in REFERENCE["pipeline-file"][1]()


def test_every_schema_is_linked() -> None:
    page = REFERENCE["schemas"][1]()

    assert installed()
    assert [name for name in installed() if f"../schemas/{name}.schema.json" not in page] == []


def test_every_key_of_every_file_is_told() -> None:
    for name, make in installed().items():
        page = REFERENCE[f"{name}-file"][1]()
        paths = [path for path, _, _ in files.keys_of(make())] if name != "pipeline" else []

        assert [path for path in paths if f"| `{path}` |" not in page] == []


def test_keys_are_told_with_their_path() -> None:
    inner = {"properties": {"b": {"type": "string"}}, "required": ["b"]}
    schema = {"properties": {"a": {"items": inner}, "c": {"additionalProperties": inner}}}

    told = [(path, must) for path, _, must in files.keys_of(schema)]

    assert told == [("a", False), ("a[].b", True), ("c", False), ("c.NAME.b", True)]


def test_a_docstring_becomes_markdown() -> None:
    text = "See :class:`galaxy.Pin`.\n\nRaises:\n    ValueError: ``a`` is\n        wrong.\n"

    assert prose(text).strip() == "See `galaxy.Pin`.\n\nRaises:\n\n- `ValueError`: `a` is wrong."


def test_a_table_keeps_its_columns() -> None:
    assert table(("a", "b"), [("x|y", "two\nlines")]).splitlines()[2] == "| x\\|y | two lines |"


def test_chinese_text_is_taken_apart_at_words() -> None:
    words = apart("注册节点 with a 词").replace(BREAK, "|")

    assert words == "|注册|节点| with a |词|"
