"""The tools that every check stands on: the bootstrap and the judge of skipped tests."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

CI = Path(__file__).resolve().parents[2] / ".ci"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ci_{name}", CI / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(folder: Path, cases: str) -> str:
    path = folder / "report.xml"
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return str(path)


def test_the_bootstrap_can_be_started_by_python_3_9() -> None:
    ast.parse((CI / "bootstrap.py").read_text(), feature_version=(3, 9))


def test_the_bootstrap_refuses_an_unknown_part() -> None:
    with pytest.raises(SystemExit, match=r"unknown part 'kitchen' — say 'environment'"):
        load("bootstrap").main(["kitchen"])


def test_a_change_of_content_changes_the_digest() -> None:
    bootstrap = load("bootstrap")

    lock, script = bootstrap.digest_of([bootstrap.LOCK]), bootstrap.digest_of([CI / "run"])

    assert lock == bootstrap.digest_of([bootstrap.LOCK])
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
    bootstrap = load("bootstrap")
    monkeypatch.setattr(bootstrap, "package_index", lambda: "https://files.example/simple")
    monkeypatch.setattr(bootstrap, "download", lambda _address, **_options: page.encode())

    address = bootstrap.wheel_address("uv", "uv-1-any.whl")

    assert address.partition("#")[0].endswith("/a/uv-1-any.whl")


def test_bytes_with_another_digest_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bootstrap = load("bootstrap")
    monkeypatch.setattr(bootstrap, "TOOLS", tmp_path)
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(bootstrap, "wheel_address", lambda _package, _name: "https://files.example")
    monkeypatch.setattr(bootstrap, "download", lambda _address: b"not a wheel")

    with pytest.raises(SystemExit, match="does not have the pinned digest"):
        bootstrap.unpacked_wheel("uv")

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
