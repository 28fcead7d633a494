"""The functions of a pushed task."""

from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.bundles.code import Code
from cantor.bundles.tree import File
from cantor.node.push.functions import check_of, codes_in, condition_of
from cantor.scheduling.needs import parse
from cantor.services.manifest import Manifest

FILES = {
    "photos/__init__.py": File(b""),
    "photos/small.py": File(b"def shrink(): ..."),
    "make-it.py": File(b"not a module"),
    "notes.txt": File(b"\xff"),
}
TASK = Manifest(kind="task", functions=("photos.small:shrink",))


def test_its_code_is_that_of_its_modules_and_reads_back() -> None:
    code = codes_in(FILES, TASK)["shrink"]

    assert (code.module, code.name) == ("photos.small", "shrink")
    assert {name: one.is_package for name, one in code.sources.items()} == {
        "photos": True,
        "photos.small": False,
    }
    assert Code.decode(code.data, code.id) == code


def test_a_service_has_no_functions() -> None:
    assert codes_in(FILES, Manifest()) == {}


def test_a_module_that_is_missing_or_no_text_is_told() -> None:
    with pytest.raises(ConfigError, match="no module films"):
        codes_in(FILES, Manifest(kind="task", functions=("films:cut",)))
    with pytest.raises(ConfigError, match="UTF-8"):
        codes_in({"photos.py": File(b"\xff")}, Manifest(kind="task", functions=("photos:f",)))


def test_the_check_imports_each_and_the_condition_follows_the_grammar() -> None:
    assert check_of(TASK)[-1] == "photos.small:shrink"
    assert str(parse(f"{condition_of('my-photos')} >= 3")) == "Task.my-photos >= 3"


def test_the_modules_of_a_filter_are_there_and_it_has_no_functions() -> None:
    assert codes_in(FILES, Manifest(kind="filter", filters=("photos.small:Shrink",))) == {}
    with pytest.raises(ConfigError, match="filter: there is no module films"):
        codes_in(FILES, Manifest(kind="filter", filters=("films:Cut",)))
    assert str(parse(f"{condition_of('my-blur', 'filter')} >= 3")) == "Filter.my-blur >= 3"
