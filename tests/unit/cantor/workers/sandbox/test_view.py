from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cantor.workers.sandbox.levels import Sandbox
from cantor.workers.sandbox.view import own_code, view_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("code/inner", "code/state", "other"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path.resolve()


def test_what_is_below_another_tree_is_not_mounted_again(tree: Path) -> None:
    view = view_of(Sandbox("full"), [str(tree / "code" / "inner"), str(tree / "code")])

    assert view.trees[str(tree / "code")] == str(tree / "code")
    assert str(tree / "code" / "inner") not in view.trees


def test_what_is_not_there_is_left_out(tree: Path) -> None:
    assert str(tree / "no") not in view_of(Sandbox("full"), [str(tree / "no")]).trees


def test_a_link_is_seen_under_both_names(tree: Path) -> None:
    (tree / "link").symlink_to(tree / "code")

    trees = view_of(Sandbox("full"), [str(tree / "link")]).trees

    assert trees[str(tree / "link")] == str(tree / "code")
    assert trees[str(tree / "code")] == str(tree / "code")


def test_what_is_hidden_is_covered_under_each_name(tree: Path) -> None:
    (tree / "link").symlink_to(tree / "code")
    sandbox = Sandbox("full", readable=(tree / "link",), hidden=(tree / "code" / "state",))

    assert set(view_of(sandbox, []).hidden) == {
        str(tree / "link" / "state"),
        str(tree / "code" / "state"),
    }


def test_what_is_hidden_elsewhere_needs_no_cover(tree: Path) -> None:
    sandbox = Sandbox("full", readable=(tree / "code",), hidden=(tree / "other",))

    assert view_of(sandbox, []).hidden == ()


def test_settings_hold_no_passwords_and_the_network_only_where_it_is() -> None:
    full, net = view_of(Sandbox("full"), []).trees, view_of(Sandbox("net"), []).trees

    assert not {"/etc", "/etc/shadow", "/etc/ssl", "/etc/ssl/private", "/", "/home"} & set(net)
    assert "/etc/resolv.conf" not in full
    assert set(full) <= set(net)


def test_granted_devices_are_added() -> None:
    view = view_of(Sandbox("full", devices=(Path("/dev/video0"),)), [])

    assert "/dev/video0" in view.devices
    assert "/dev/null" in view.devices


def test_own_code_is_no_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", ["", ".", "/", str(tmp_path), str(tmp_path / "lib")])

    code = own_code()

    assert not {"", ".", "/", str(tmp_path)} & set(code)
    assert str(tmp_path / "lib") in code
    assert sys.base_prefix in code
