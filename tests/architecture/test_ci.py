"""The tools that every check stands on: the bootstrap and the judge of skipped tests."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

CI = Path(__file__).resolve().parents[2] / ".ci"


SCRIPTS = ("bootstrap", "console", "environments", "fetching", "steps")
"""What ``python3 .ci/bootstrap.py`` consists of; nothing else may be needed to start it."""


def load(name: str) -> ModuleType:
    """A module of that folder as its own scripts see it: they find each other beside themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(CI)
        for script in SCRIPTS:
            patch.delitem(sys.modules, script, raising=False)
        module = importlib.import_module(name)
        for script in SCRIPTS:
            sys.modules.pop(script, None)
    return module


def report(folder: Path, cases: str) -> str:
    path = folder / "report.xml"
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return str(path)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_bootstrap_can_be_started_by_python_3_9(name: str) -> None:
    ast.parse((CI / f"{name}.py").read_text(), feature_version=(3, 9))


def test_the_bootstrap_starts_on_a_bare_interpreter_and_says_what_it_makes() -> None:
    command = [sys.executable, "-S", "-E", "-B", str(CI / "bootstrap.py"), "kitchen"]
    answer = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr == (
        "bootstrap: unknown part 'kitchen' — say 'environment', 'console', 'console-tests', "
        "'training', 'peers', 'compatibility', 'fuzz' or nothing\n"
    )


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ([], ["environment", "console"]),
        (["fuzz"], ["fuzz"]),
        (["console", "environment"], ["environment", "console"]),
    ],
)
def test_the_bootstrap_makes_the_parts_that_were_asked_for_in_their_order(
    asked: list[str], made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bootstrap, done = load("bootstrap"), list[str]()
    monkeypatch.setattr(bootstrap, "TOOLS", tmp_path)
    locks = list[str]()

    @contextlib.contextmanager
    def locked(what: str) -> Iterator[None]:
        locks.append(what)
        yield

    monkeypatch.setattr(bootstrap, "only_one_at_a_time", locked)
    parts = {name: functools.partial(done.append, name) for name in bootstrap.PARTS}
    monkeypatch.setattr(bootstrap, "PARTS", parts)

    assert bootstrap.main(asked) == 0
    assert done == made
    # Lint needs the environment only, and is not held up by the console.
    assert [what == "console" for what in locks] == [name == "console" for name in made]


def test_every_kind_of_test_is_in_a_line() -> None:
    tests, run = CI.parent / "tests", (CI / "run").read_text()
    kinds = {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")}

    # Binaries are tried where they are built.
    assert [kind for kind in kinds - {"packaging"} if f'\n  "{kind} ' not in run] == []


def test_a_change_of_content_changes_the_digest() -> None:
    digest_of, lock_file = load("steps").digest_of, load("environments").LOCK

    lock, script = digest_of([lock_file]), digest_of([CI / "run"])

    assert lock == digest_of([lock_file])
    assert lock != script


@pytest.mark.parametrize(
    "page",
    [
        '{"files": [{"url": "https://files.example/a/uv-1-any.whl"}]}',
        '<a href="../a/uv-1-any.whl#sha256=00">uv-1-any.whl</a>',
    ],
)
def test_a_wheel_is_found_on_json_and_html_indexes(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = load("fetching")
    monkeypatch.setattr(fetching, "package_index", lambda: "https://files.example/simple")
    monkeypatch.setattr(fetching, "download", lambda _address, **_options: page.encode())

    address = fetching.wheel_address("uv", "uv-1-any.whl")

    assert address.partition("#")[0].endswith("/a/uv-1-any.whl")


def test_bytes_with_another_digest_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetching = load("fetching")
    monkeypatch.setattr(fetching, "TOOLS", tmp_path)
    monkeypatch.setattr(fetching.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(fetching, "wheel_address", lambda _package, _name: "https://files.example")
    monkeypatch.setattr(fetching, "download", lambda _address: b"not a wheel")

    with pytest.raises(SystemExit, match="does not have the pinned digest"):
        fetching.unpacked_wheel("uv")

    assert list(tmp_path.iterdir()) == []


def test_a_report_without_skips_is_accepted(tmp_path: Path) -> None:
    assert load("skips").main([report(tmp_path, '<testcase classname="a" name="b"/>')]) == 0


def test_a_skip_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = '<testcase classname="a" name="b"><skipped message="no GPU"/></testcase>'

    assert load("skips").main([report(tmp_path, case)]) == 1
    assert "a.b: no GPU" in capsys.readouterr().out


@pytest.mark.parametrize(("is_there", "code"), [(False, 0), (True, 1)])
def test_a_skip_for_shared_data_is_accepted_only_where_it_is_missing(
    is_there: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skips = load("skips")
    data = tmp_path / "data"
    if is_there:
        data.mkdir()
    monkeypatch.setattr(skips, "SHARED_DATA", data)
    case = '<testcase classname="a" name="b"><skipped message="no ../shared/data"/></testcase>'

    assert skips.main([report(tmp_path, case)]) == code


def test_a_run_that_tested_nothing_is_refused(tmp_path: Path) -> None:
    assert load("skips").main([report(tmp_path, "")]) == 1


def test_the_check_script_is_valid_bash() -> None:
    assert subprocess.run(["bash", "-n", str(CI / "run")]).returncode == 0
