"""Requirements as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import BundleError, ConfigError
from cantor.bundles.requirements import checked_index, index_in, is_met_here, parse

ONE, OTHER = "sha256:" + "1" * 64, "sha512:" + "2" * 128


def test_lines_of_a_file_are_read_and_comments_are_not() -> None:
    lines = ["# what we need", "numpy>=2.0  # arrays", "", "tool[fast]==1; python_version>'3'"]
    found = parse(lines)

    assert [one.name for one in found] == ["numpy", "tool"]


@pytest.mark.parametrize("line", ["numpy=>2", "-r other.txt", "a b", "../x.whl"])
def test_a_line_that_is_no_requirement_is_named(line: str) -> None:
    with pytest.raises(BundleError, match="not a requirement"):
        parse([line])


@pytest.mark.parametrize(
    "lines",
    [
        [f"my_tool==1 --hash={ONE} --hash={OTHER}  # why"],
        ["my_tool==1 \\", f"    --hash={ONE} \\", f"    --hash {OTHER}"],
        ["--index-url https://x/simple", f"My.Tool==1 --hash={ONE} --hash={OTHER} \\"],
    ],
)
def test_hashes_stand_after_their_requirement_as_for_pip(lines: list[str]) -> None:
    (found,) = parse(lines)

    assert found.name == "my-tool"
    assert found.hashes == {ONE, OTHER}
    assert parse([str(found)]) == [found]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([f"a==1 --hash={ONE}", "b==1"], "b has no hash, and others have"),
        ([f"a>=1 --hash={ONE}"], "a>=1 has hashes, and says no version"),
        ([f"a==1.* --hash={ONE}"], r"a==1\.\* has hashes, and says no version"),
        (["a==1 --hash=md5:" + "1" * 32], "a hash that is none: 'md5:1"),
        (["a==1 --hash=sha256:12"], "a hash that is none"),
        ([f"a==1 --hash={ONE} --no-binary=a"], "not a requirement"),
        ([f"--hash={ONE}"], "not a requirement"),
        (["a==1" + f" --hash={ONE}" * 1001], "not a requirement"),
    ],
)
def test_hashes_that_say_too_little_are_refused(lines: list[str], why: str) -> None:
    with pytest.raises(BundleError, match=why):
        parse(lines)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_lines_are_requirements_or_one_error(lines: list[str]) -> None:
    try:
        found = parse(lines)
    except BundleError:
        return
    assert all(parse([str(one)]) == [one] for one in found)


def test_what_has_hashes_is_not_met_by_what_is_installed() -> None:
    assert not is_met_here(parse([f"msgpack==1 --hash={ONE}"])[0])


def test_a_file_may_name_its_index() -> None:
    assert (
        index_in(["-i https://x/simple", "a", "--index-url=https://x/simple"]) == "https://x/simple"
    )
    assert index_in(["a"]) == ""
    with pytest.raises(ConfigError, match="two indexes"):
        index_in(["-i https://x/simple", "-i https://y/simple"])


@pytest.mark.parametrize(
    "url",
    ["https://pypi.org/simple", "http://127.0.0.1:8080/", "http://[::1]/x", "http://localhost"],
)
def test_an_index_is_https_or_on_this_machine(url: str) -> None:
    assert checked_index(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://pypi.org/simple", "pypi.org", "https://", "file:///x", "https://a b/", "https://a:b/c",
     "https://a/\n", "http://[", "http://u:secret@example.com/simple", "https://a/" + "b" * 2048],
)  # fmt: skip
def test_what_is_no_index_is_refused_and_no_password_is_told(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        checked_index(url)

    assert "secret" not in str(raised.value)


def test_what_this_python_has_is_known() -> None:
    assert [is_met_here(one) for one in parse(["msgpack>=1", "msgpack>=99", "no-such-thing"])] == [
        True,
        False,
        False,
    ]
