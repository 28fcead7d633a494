"""What travels with a function, and what is said of one that cannot."""

from __future__ import annotations

import functools
import importlib
import math
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import NotShippable
from cantor.bundles.shipping import ship

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

SHOP = {
    "shop/__init__.py": "from .orders import total\n",
    "shop/orders.py": (
        "from __future__ import annotations\n"
        "import json, typing\n"
        "import numpy as np\n"
        "from shop import prices\n"
        "if typing.TYPE_CHECKING:\n"
        "    import shop.only_types\n"
        "def total(count):\n"
        "    from .late import tax\n"
        "    return count * prices.PRICE + tax()\n"
    ),
    "shop/prices.py": "PRICE = 2\n",
    "shop/late.py": "def tax():\n    return 1\n",
    "shop/only_types.py": "",
    "shop/unused.py": "",
    "plugins/space/tool.py": "import shop.prices\ndef use():\n    return shop.prices.PRICE\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a small package on ``sys.path``; what is imported of it is forgotten after."""
    for name, text in SHOP.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_a_function_brings_the_modules_of_its_project_and_names_its_distributions(
    project: Path,
) -> None:
    code = ship(module("shop.orders").total)

    assert sorted(code.sources) == ["shop", "shop.late", "shop.orders", "shop.prices"]
    assert [item.partition("==")[0] for item in code.requirements] == ["numpy"]
    assert (code.module, code.name, code.pickled) == ("shop.orders", "total", b"")
    assert code.sources["shop.orders"].path == "shop/orders.py"


def test_the_same_code_in_another_folder_has_the_same_id(project: Path, tmp_path: Path) -> None:
    first = ship(module("shop.orders").total)
    other = tmp_path / "elsewhere"
    for name in SHOP:
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).rename(other / name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]
    sys.path.insert(0, str(other))
    try:
        assert ship(module("shop.orders").total).id == first.id
    finally:
        sys.path.remove(str(other))


def test_a_changed_module_gives_another_id(project: Path) -> None:
    first = ship(module("shop.orders").total)
    (project / "shop" / "prices.py").write_text("PRICE = 3\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]

    assert ship(module("shop.orders").total).id != first.id


def test_a_function_with_a_name_is_looked_at_once(project: Path) -> None:
    total = module("shop.orders").total
    code = ship(total)

    assert ship(total) is code
    total.__code__ = (lambda count: 7).__code__  # as a notebook's autoreload does
    assert ship(total).id != code.id


def test_packages_without_init_travel(project: Path) -> None:
    code = ship(module("plugins.space.tool").use)

    assert {"plugins", "plugins.space", "plugins.space.tool", "shop.prices"} <= set(code.sources)


def test_a_function_of_the_standard_library_brings_nothing() -> None:
    code = ship(math.hypot)

    assert (code.module, code.name, code.sources, code.requirements) == ("math", "hypot", {}, ())


def test_a_function_of_a_distribution_brings_its_name_and_version() -> None:
    import yaml

    (requirement,) = ship(yaml.safe_load).requirements

    assert requirement.lower() == f"pyyaml=={yaml.__version__}"


def test_a_function_of_cantor_brings_nothing() -> None:
    from cantor.base.units import parse_size

    assert ship(parse_size).sources == {}


def test_what_a_decorator_wraps_is_found_again(project: Path) -> None:
    (project / "decorated.py").write_text(
        "class Task:\n"
        "    def __init__(self, function):\n"
        "        self.__wrapped__ = function\n"
        "@Task\n"
        "def work():\n"
        "    return 1\n"
    )

    assert ship(module("decorated").work.__wrapped__).wraps == 1


def test_a_closure_brings_the_modules_that_it_names(project: Path) -> None:
    def make() -> Callable[[], Any]:
        orders = module("shop.orders")

        def inner() -> Any:  # noqa: ANN401
            import plugins.space.tool  # type: ignore[import-not-found]

            return orders.total(plugins.space.tool.use())

        return inner

    code = ship(make())

    assert code.pickled
    assert {"shop.orders", "shop.late", "plugins.space.tool"} <= set(code.sources)


EVENT = threading.Event()


def a_closure_over(value: object) -> Callable[[], object]:
    return lambda: value


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: a_closure_over(threading.Lock()), "the variable value is a lock"),
        (lambda: a_closure_over({"a": [threading.Lock()]}), "value['a'][0] is a lock"),
        (lambda: a_closure_over(Path(__file__).open()), "value is an open file"),  # noqa: SIM115
        (lambda: a_closure_over(step for step in ""), "value is a generator"),
        (lambda: lambda kept=EVENT: kept, "the default of kept is a lock"),
        (lambda: functools.partial(print, threading.Lock()), "partial.args[0] is a lock"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_function_that_cannot_travel_says_which_name_and_why(
    make: Callable[[], Callable[[], object]], told: str
) -> None:
    with pytest.raises(NotShippable) as raised:
        ship(make())

    assert told in str(raised.value)
    assert " — " in str(raised.value)


def test_a_module_without_source_says_what_to_do(project: Path) -> None:
    (project / "native.so").write_bytes(b"")
    (project / "uses.py").write_text("def work():\n    import native\n")
    (project / "native.cpython-311-x86_64-linux-gnu.so").write_bytes(b"")
    (project / "native.abi3.so").write_bytes(b"")

    with pytest.raises(NotShippable, match=r"the module native has no Python source — build a"):
        ship(module("uses").work)


def test_a_source_that_cannot_be_read_is_named(project: Path) -> None:
    work = module("shop.orders").total
    (project / "shop" / "late.py").write_bytes(b"# \xff\xfe\n")

    with pytest.raises(NotShippable, match=r"late\.py: the source of shop\.late cannot be read"):
        ship(work)
