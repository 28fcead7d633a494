"""The needs expression: what it means, what it refuses, and that hostile text cannot hurt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource
from cantor.scheduling import expression as tree
from cantor.scheduling.needs import beyond, parse

GIB = 2**30
NODE = (
    Resource("GPU", "quantity", 2),
    Resource("Memory", "quantity", 8 * GIB, "B"),
    Resource("USBCamera", "condition", value=True),
    Resource("Detectron2", "condition", 1),
    Resource("version", "condition", "1.10.0"),
    Resource("os", "condition", "linux"),
    Resource("GPUName", "condition", "A"),
    Resource("GPUName", "condition", "B"),
)
LABELS = {"site": "north", "rack/row": "7", "clean": "true"}


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", {}),
        ("GPU = 1 and Detectron2 == 1 and Memory >= 2GiB", {"GPU": 1}),
        ("GPU = 2 and Memory = 1.5 GiB", {"GPU": 2, "Memory": 3 * GIB // 2}),
        ("GPU = 1 and GPU = 1", {"GPU": 2}),
        ("NPU = 1 or GPU = 1 or Memory = 1GiB", {"GPU": 1}),
        ("(GPU = 2 or Memory = 1GiB) and GPU = 1", {"Memory": GIB, "GPU": 1}),
        ("USBCamera == true and not NPU == 1", {}),
        ("NPU == 0 and NPU != 1 and NPU < 1", {}),
        ('label.site == "north" and label."rack/row" in ["6", \'7\']', {}),
        ("label.clean == true", {}),
        ("version >= 1.9 and version > 1.9.9 and version != 1.10.1 and version == 1.10", {}),
        ("version > 1.10.0-rc1", {}),
        ('os != "windows" and os in ["linux", "darwin"]', {}),
        ('GPUName == "B" and GPUName == "A"', {}),
        ('label.floor != "2"', {}),
        ("Detectron2 == 1\n  and\tGPU >= 2", {}),
    ],
)
def test_what_is_met_takes_the_units_it_names(text: str, taken: dict[str, int]) -> None:
    needs = parse(text)
    assert needs.takes(NODE, LABELS) == taken
    assert needs.satisfied_by(NODE, labels=LABELS)
    assert needs.explain(NODE, LABELS) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("GPU = 1 and Memory >= 16GiB", "Memory >= 16GiB fails: Memory is 8.0 GiB"),
        ("GPU = 3", "GPU = 3 fails: 2 free"),
        ("NPU = 1", "NPU = 1 fails: none free"),
        ("USBCamera = 1", "USBCamera is a condition and cannot be taken"),
        ("not USBCamera == 1", "not USBCamera == 1 fails: USBCamera == 1 holds"),
        ("GPU = 2 and GPU = 1", "not all together (GPU: 2 free)"),
        ("NPU = 1 or TPU == 1", "no branch holds: NPU = 1 fails: none free; TPU == 1 fails"),
        ('label.site == "south"', 'label.site is "north"'),
        ('os in ["darwin"]', 'os is "linux"'),
        ("os == 1", 'os is "linux"'),
        ("version == true", 'version is "1.10.0"'),
        ("version < 1.2.0", "version < 1.2.0 fails"),
        ('GPU == "two"', "GPU is 2"),
        ("GPU >= 1.0.0", "GPU is 2"),
    ],
)
def test_what_is_not_met_is_explained_with_the_value_found(text: str, why: str) -> None:
    needs = parse(text)
    assert not needs.satisfied_by(NODE, LABELS)
    assert why in needs.explain(NODE, LABELS)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("not GPU = 1", 9, "cannot stand under not"),
        ("not (USBCamera == 1 or (GPU = 1))", 29, "cannot stand under not"),
        ("GPU", 4, "nothing is asked of GPU"),
        ("GPU =", 6, "expected a value, found 'the end'"),
        ("GPU = 0", 7, "takes nothing"),
        ("GPU = -1", 7, "takes nothing"),
        ("GPU = true", 7, "only a number"),
        ('label.site = "x"', 12, "a label cannot be taken"),
        ("os == linux", 7, 'put a string in quotes: "linux"'),
        ('os < "linux"', 6, "needs a number or a version"),
        ("GPU = 1 AND CPU = 1", 9, "write and in lower case"),
        ("GPU = 1 && CPU = 1", 9, "write and"),
        ("Memory = 2 gigs", 12, "unknown unit 'gigs'"),
        ("(GPU = 1", 9, "close the parenthesis opened at column 1"),
        ("GPU = 1)", 8, "unexpected ')'"),
        ("os in linux", 7, "in needs a list"),
        ('os in ["a" "b"]', 12, "expected , or ]"),
        ('os == "linux', 7, "the string does not end"),
        ('os == "a\\n"', 9, "unknown escape"),
        ('os == "a\tb"', 7, "control character"),
        ("1 == GPU", 1, "expected the name"),
        ("label == 1", 7, "label names no label"),
        ("GPU == 1234567890123456789", 8, "the number is too long"),
        ("v == 1.1." + "1" * 60, 6, "the version is too long"),
        ("and", 1, "expected the name"),
    ],
)
def test_an_error_points_at_the_place(text: str, column: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    message = str(caught.value)
    assert says in message
    assert message.startswith(f"needs, column {column}:")
    excerpt, caret = message.splitlines()[-2:]
    assert caret.strip() == "^"
    assert (excerpt + " ")[caret.index("^")] == (text + " ")[column - 1].replace("\t", " ")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "(" * 2000 + "GPU = 1",
        "not " * 1000 + "GPU == 1",
        " and ".join(["a == 1"] * 400),
        " and ".join(["(a = 1 or b = 1)"] * 10),
    ],
)
def test_text_beyond_a_limit_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="needs"):
        parse(text)


def test_tests_alone_do_not_count_as_ways_of_taking() -> None:
    text = " and ".join(['(os == "linux" or NPU == 1)'] * 20)
    assert parse(text).satisfied_by(NODE)


@pytest.mark.parametrize(
    ("text", "known", "left"),
    [
        ("GPU = 1 and A == 1", "GPU = 1", "A == 1"),
        ("GPU = 1 and GPU = 1", "GPU = 1", "GPU = 1"),
        ("A == 1 or B == 1", "A == 1", "A == 1 or B == 1"),
        ("GPU = 1", "GPU = 1", ""),
        ("A == 1", "", "A == 1"),
        ("", "A == 1", ""),
    ],
)
def test_what_is_needed_beside_what_is_known(text: str, known: str, left: str) -> None:
    assert str(beyond(parse(text), parse(known))) == left


def test_comparing_a_quantity_without_taking_it_warns() -> None:
    (warning,) = parse("GPU = 1 and GPU >= 2 and Memory >= 2GiB and USBCamera == 1").warnings
    assert (warning.resource, warning.column) == ("Memory", 26)
    assert "write Memory = 2GiB" in str(warning)
    assert parse("NPU >= 1").warnings == ()
    assert len(parse("NPU >= 1").warnings_for([Resource("NPU", "quantity", 1)])) == 1
    assert parse("label.GPU == 1").warnings == ()


def test_a_value_that_is_no_number_is_equal_to_nothing() -> None:
    node = [Resource("t", "condition", float("nan"))]
    assert not parse("t == 1").satisfied_by(node)
    assert not parse("t >= 1 or t <= 1").satisfied_by(node)


def test_what_another_node_wrote_is_shown_short_and_printable() -> None:
    node = [Resource("os", "condition", "\x1b[2J" + "x" * 500)]
    why = parse('os == "linux"').explain(node)
    assert why.isprintable()
    assert len(why) < 160


def names() -> st.SearchStrategy[tree.Name]:
    resource = st.from_regex(tree.NAME, fullmatch=True).filter(
        lambda text: text not in tree.KEYWORDS and not text.startswith("label.")
    )
    printable = st.text(max_size=8).filter(str.isprintable)
    return st.builds(tree.Name, resource) | st.builds(tree.Name, printable, st.just(True))


def numbers() -> st.SearchStrategy[tree.Number]:
    units = st.sampled_from(["", "kB", "GiB"])
    factor = {"": 1, "kB": 1000, "GiB": GIB}
    whole = st.integers(1, 10**9)
    return st.builds(lambda n, unit: tree.Number(str(n), unit, n * factor[unit]), whole, units)


def expressions() -> st.SearchStrategy[tree.Expression]:
    literals = (
        numbers()
        | st.sampled_from([tree.Version("1.2.0"), tree.Version("1.2.0-rc1"), tree.Flag(value=True)])
        | st.builds(tree.Text, st.text(max_size=8).filter(str.isprintable))
    )
    equal = st.builds(tree.Compare, names(), st.sampled_from(["==", "!="]), literals)
    ordered = st.builds(tree.Compare, names(), st.sampled_from(["<", ">="]), numbers())
    among = st.builds(tree.Among, names(), st.lists(literals, min_size=1, max_size=3).map(tuple))
    tests = st.recursive(equal | ordered | among, lambda part: st.builds(tree.Not, part))
    take = st.builds(tree.Take, names().filter(lambda name: not name.is_label), numbers())
    several = st.lists(tests | take, min_size=2, max_size=3).map(tuple)
    both = st.builds(tree.And, several)
    either = st.builds(tree.Or, several)
    mixed = st.builds(tree.And, st.tuples(either, tests)) | st.builds(
        tree.Or, st.tuples(both, take)
    )
    return tests | take | both | either | mixed


@settings(max_examples=60, deadline=None)
@given(expressions())
def test_what_is_written_back_reads_as_the_same(wanted: tree.Expression) -> None:
    assert parse(str(wanted)).expression == wanted


FRAGMENTS = [
    *"()[],.=<>!\"'\\ ",
    "==",
    "GPU",
    "label.",
    "and",
    "or",
    "not",
    "in",
    "1.2.0",
    "1GiB",
    "é",
]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(" ".join))
def test_no_text_makes_it_fail_otherwise_than_with_a_config_error(text: str) -> None:
    try:
        needs = parse(text)
    except ConfigError:
        return
    assert parse(str(needs)) == needs
    assert needs.satisfied_by(NODE, LABELS) == (needs.explain(NODE, LABELS) == "")
