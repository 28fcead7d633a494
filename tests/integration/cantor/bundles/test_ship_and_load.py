"""Functions of scripts, packages and notebooks, shipped by one process and run by another."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.bundles.programs import Trip, pythons
from tests.unit.cantor.bundles.made_wheels import make_wheel

from cantor.bundles.code import python_here
from cantor.bundles.store import Store
from cantor.bundles.wheels import unpack

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

SCRIPT = """
import dataclasses
from prelude import remote
from shop import prices

@dataclasses.dataclass
class Order:
    count: int

def total(order):
    return Order(order.count * prices.price())

if __name__ == "__main__":
    print(remote(total, Order(21)))
"""
PRICES = "def price():\n    from . import late\n    return late.PRICE\n"
SHOP = {"shop/__init__": "", "shop/prices": PRICES, "shop/late": "PRICE = 2\n"}


@pytest.mark.parametrize("worker", pythons())
@pytest.mark.parametrize("submitter", pythons())
def test_a_function_of_a_script_runs_on_any_python(
    submitter: str, worker: str, tmp_path: Path
) -> None:
    trip = Trip.make(tmp_path, {**SHOP, "script": SCRIPT})
    trip.submit("script.py", python=submitter)

    done = trip.work(python=worker)

    assert done.stderr == ""
    assert trip.submit("script.py", python=submitter) == "Order(count=42)\n"


def test_a_function_of_a_package_run_as_a_module(tmp_path: Path) -> None:
    files = {
        "tool/__init__": "",
        "tool/__main__": "from prelude import remote\nfrom .work import N\n"
        "def go(a):\n    return a + N\nif __name__ == '__main__':\n    print(remote(go, 1))\n",
        "tool/work": "N = 5\n",
    }
    trip = Trip.make(tmp_path, files)
    trip.submit("-m", "tool")

    assert trip.work().stderr == ""
    assert trip.submit("-m", "tool") == "6\n"


NOTEBOOK = """
from prelude import remote
cells = ['''
import dataclasses
from shop import prices
RATE = 3

@dataclasses.dataclass
class Point:
    x: int
''', '''
def scale(point):
    from shop import late
    return Point(point.x * RATE * prices.price() * late.PRICE)
''', '''
print(remote(scale, Point(1)))
''']
import __main__
del __main__.__file__
for number, cell in enumerate(cells):
    exec(compile(cell, f"<cell {number}>", "exec"), __main__.__dict__)
"""


@pytest.mark.parametrize("python", pythons())
def test_a_function_of_a_notebook(python: str, tmp_path: Path) -> None:
    trip = Trip.make(tmp_path, {**SHOP, "notebook": NOTEBOOK})
    trip.submit("notebook.py", python=python)

    assert trip.work(python=python).stderr == ""
    assert trip.submit("notebook.py", python=python) == "Point(x=12)\n"


CLOSURE = """
from prelude import remote
from shop import prices

if __name__ == "__main__":
    rate = 7
    def scaled(n):
        return n * rate * prices.price()
    print(remote(scaled, 3))
"""


def test_a_closure_needs_the_same_python_and_says_both(tmp_path: Path) -> None:
    trip = Trip.make(tmp_path, {**SHOP, "script": CLOSURE})
    trip.submit("script.py")

    for other in (python for python in pythons() if f"/{python_here()}." not in python):
        if other != sys.executable:
            told = trip.work(python=other).stderr
            assert f"scaled was sent from Python {python_here()}, and this worker runs" in told
    assert trip.work().stderr == ""
    assert trip.submit("script.py") == "42\n"


def test_a_traceback_of_a_worker_shows_the_lines_of_the_project(tmp_path: Path) -> None:
    prices = "def price():\n    raise KeyError('no price')  # of the project\n"
    trip = Trip.make(tmp_path, {**SHOP, "script": SCRIPT, "shop/prices": prices})
    trip.submit("script.py")

    told = trip.work().stderr

    assert '/script.py", line 11, in total\n    return Order(order.count * prices.price())' in told
    assert "/shop/prices.py\", line 2, in price\n    raise KeyError('no price')  # of the" in told


def test_a_worker_imports_from_the_wheels_that_came_with_the_code(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "extra-1-py3-none-any", {"extra/__init__.py": "N = 40\n"})
    store = Store(tmp_path / "store")
    folder = store.put_tree("0" * 64, lambda into: unpack(wheel, into))
    work = "def go(a):\n    import extra\n    return a + extra.N\n"
    script = "from prelude import remote\nimport work\nprint(remote(work.go, 2))"
    trip = Trip.make(tmp_path, {"work": work, "script": script})
    trip.submit("script.py")

    assert "No module named 'extra'" in trip.work().stderr
    assert trip.work(folder).stderr == ""
    assert trip.submit("script.py") == "42\n"


def test_what_an_installed_distribution_brings_is_named_not_shipped(tmp_path: Path) -> None:
    work = "import yaml\ndef go(a):\n    return yaml.safe_load(a)\n"
    script = "from prelude import remote\nimport work\nremote(work.go, '[1]')"
    trip = Trip.make(tmp_path, {"work": work, "script": script})
    trip.submit("script.py")

    assert (trip.exchange / "requirements").read_text().lower().startswith("pyyaml==")
    assert (trip.exchange / "code").stat().st_size < 500
