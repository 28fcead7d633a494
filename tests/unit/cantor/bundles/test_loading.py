"""Code that came from elsewhere: its modules are its own; what is wrong with it is one error."""

from __future__ import annotations

import dataclasses
import sys
import traceback
from typing import Any

import cloudpickle
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import BundleError
from cantor.bundles.code import Code, Source, python_here
from cantor.bundles.loading import classes_of, is_loading, load
from cantor.bundles.shipping import ship
from cantor.bundles.values import pack, unpack

HERE = python_here()


def bundle(function: str, /, **modules: str) -> Code:
    """A bundle of modules; a module's name has ``__`` for a dot, and packages end in ``__``."""
    sources = {}
    for told, text in modules.items():
        is_package = told.endswith("__")
        name = told.removesuffix("__").replace("__", ".")
        path = name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
        package = name if is_package else name.rpartition(".")[0]
        sources[name] = Source(path, text, is_package, package)
    module, _, name = function.partition(":")
    return Code(module, name, HERE, sources)


def test_modules_of_the_same_name_are_those_of_their_bundle() -> None:
    use = "import part, pack.inner\nfrom pack import inner\ndef go():\n    return part.N, inner.M\n"
    first = bundle("use:go", use=use, part="N = 1", pack__="", pack__inner="M = 1")
    second = bundle(
        "use:go", use=use, part="N = 2", pack__="", pack__inner="from part import N as M"
    )

    assert (load(first)(), load(second)(), load(first)()) == ((1, 1), (2, 2), (1, 1))
    assert "part" not in sys.modules


def test_a_bundle_is_run_once() -> None:
    code = bundle(
        "once:go", once="count = []\ndef go():\n    count.append(1)\n    return len(count)\n"
    )

    again = Code.decode(code.data, code.id)

    assert (load(code)(), load(again)()) == (1, 2)


def test_relative_and_late_imports_stay_inside() -> None:
    code = bundle(
        "pack.a:go",
        pack__="",
        pack__a="def go():\n    from . import b\n    from .b import N\n    import pack.b as c\n"
        "    return b is c, N\n",
        pack__b="N = 5",
    )

    assert load(code)() == (True, 5)


def test_the_standard_library_and_installed_modules_are_the_workers() -> None:
    code = bundle("lib:go", lib="import json, numpy\ndef go():\n    return json, numpy\n")
    import json

    import numpy

    assert load(code)() == (json, numpy)


def test_a_traceback_shows_the_lines_of_the_bundle() -> None:
    code = bundle("fails:go", fails="def go():\n    return 1 / 0  # here\n")

    with pytest.raises(ZeroDivisionError) as raised:
        load(code)()

    told = "".join(traceback.format_exception(raised.value))
    assert (
        f'File "bundle-{code.revision}/fails.py", line 2, in go\n    return 1 / 0  # here' in told
    )


def test_a_script_is_loaded_without_its_main_block() -> None:
    text = "if __name__ == '__main__':\n    raise SystemExit(3)\ndef go():\n    return 4\n"
    code = Code("__main__", "go", HERE, {"__main__": Source("train.py", text)})

    assert load(code)() == 4


def test_a_dataclass_of_the_bundle_is_known_by_its_plain_name() -> None:
    code = bundle(
        "shapes:grow",
        shapes="from __future__ import annotations\nimport dataclasses, typing\n"
        "@dataclasses.dataclass\nclass Box:\n    side: int\n    inner: Box | None = None\n"
        "def grow(box):\n    typing.get_type_hints(Box)\n"
        "    assert isinstance(box, Box)\n    return Box(box.side + 1, box)\n",
    )
    there = unpack(
        pack(classes_of(code)("shapes", "Box")(3), []),
        classes=classes_of(Code.decode(code.data, code.id)),
    )

    packed = pack(load(code)(there), [])

    @dataclasses.dataclass
    class Box:
        side: int
        inner: Any = None

    assert code.revision.encode() not in packed
    assert unpack(packed, classes=lambda _module, _name: Box) == Box(4, Box(3))


def test_a_class_that_the_bundle_does_not_have_is_named() -> None:
    code = bundle("empty:go", empty="def go(): ...")

    with pytest.raises(BundleError, match=r"a value is a nowhere\.Box, and nowhere is not here"):
        classes_of(code)("nowhere", "Box")
    with pytest.raises(BundleError, match=r"has no Box — run the same version on both sides"):
        classes_of(code)("empty", "Box")


def test_loading_is_known_while_it_lasts() -> None:
    code = bundle(
        "asks:go",
        asks="from cantor.bundles.loading import is_loading\nWHILE = is_loading()\n"
        "def go():\n    return WHILE, is_loading()\n",
    )

    assert load(code)() == (True, False)
    assert not is_loading()


def test_a_function_that_is_not_there_is_named() -> None:
    with pytest.raises(BundleError, match=r"thing has no function go here"):
        load(bundle("thing:go", thing=""))


def test_a_module_that_fails_raises_what_it_raised_each_time() -> None:
    code = bundle("broken:go", broken="raise KeyError('at import')")

    for _ in range(2):
        with pytest.raises(KeyError, match="at import"):
            load(code)


def test_source_that_this_python_cannot_read_names_both_versions() -> None:
    code = dataclasses.replace(bundle("new:go", new="def go() -> = 1\n"), python="3.99")

    with pytest.raises(BundleError) as raised:
        load(code)

    assert f"new.py was sent from Python 3.99, and Python {HERE} cannot read it" in str(
        raised.value
    )


def test_a_pickle_of_another_python_names_both_versions() -> None:
    code = Code("", "__main__.<lambda>", "3.99", pickled=cloudpickle.dumps(lambda: 1))

    with pytest.raises(BundleError) as raised:
        load(code)

    assert f"was sent from Python 3.99, and this worker runs Python {HERE}" in str(raised.value)


def test_a_closure_imports_the_modules_of_its_bundle() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "Box": None}
    exec(  # noqa: S102 (as a notebook runs a cell)
        "import dataclasses\n@dataclasses.dataclass\nclass Box:\n    n: int\n"
        "def go(box):\n"
        "    import part\n"
        "    def inner():\n"
        "        from part import N\n"
        "        return N\n"
        "    return Box(part.N + inner() + box.n)\n",
        namespace,
    )
    code = Code(
        "",
        "__main__.go",
        HERE,
        {"part": Source("part.py", "N = 20")},
        pickled=cloudpickle.dumps(namespace["go"]),
    )
    box = unpack(pack(namespace["Box"](2), []), classes=classes_of(code))

    assert load(code)(box).n == 42


@pytest.mark.parametrize("pickled", [b"no pickle", cloudpickle.dumps(7)])
def test_a_pickle_that_is_none_is_one_error(pickled: bytes) -> None:
    with pytest.raises(BundleError, match=r"its pickle"):
        load(Code("", "x", HERE, pickled=pickled))


def test_changed_bytes_are_refused() -> None:
    code = bundle("a:go", a="def go(): ...")

    with pytest.raises(BundleError, match=r"it was changed: its content is "):
        Code.decode(code.data.replace(b"go", b"no"), code.id)


def decoded(**changes: object) -> Code:
    told = msgpack.unpackb(bundle("a:go", a="def go(): ...").data)
    data = msgpack.packb({**told, **changes})
    import hashlib

    return Code.decode(data, hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    "path", ["../a.py", "/a.py", "a//b.py", "a/../../b.py", "a\\b.py", "", "."]
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(BundleError, match="a path that leads elsewhere"):
        decoded(modules={"a": [path, "", False, ""]})


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"module": "a..b"},
        {"modules": {"a@b": ["a.py", "", False, ""]}},
        {"modules": {f"m{n}": ["a.py", "", False, ""] for n in range(5000)}},
        {"python": "2.7"},
        {"wraps": 10**6},
        {"pickled": "text"},
        {"requirements": [1]},
        {"name": "x" * 2000},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_bundle_of_another_shape_is_one_error(changes: dict[str, object]) -> None:
    with pytest.raises(BundleError, match="it is no bundle of format 1"):
        decoded(**changes)


@given(st.binary(max_size=200))
def test_any_bytes_with_their_own_hash_give_one_error(data: bytes) -> None:
    import hashlib

    with pytest.raises(BundleError):
        Code.decode(data, hashlib.sha256(data).hexdigest())


def test_what_a_bundle_brought_travels_on_with_it() -> None:
    text = "from part import N\ndef go():\n    return N + 1\ndef make():\n    return lambda: go()\n"
    first = bundle("use:go", use=text, part="N = 1")
    go = load(first)

    again = ship(go)
    closure = ship(load(dataclasses.replace(first, name="make"))())

    assert again == first
    assert closure.sources == first.sources
    assert load(dataclasses.replace(closure, requirements=("other",)))() == 2


def test_functions_of_the_same_modules_share_what_these_hold() -> None:
    text = "held = []\ndef keep(value):\n    held.append(value)\ndef kept():\n    return held\n"
    first = bundle("store:keep", store=text)

    load(first)("it")

    assert load(dataclasses.replace(first, name="kept"))() == ["it"]
