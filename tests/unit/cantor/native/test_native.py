"""Native code counts in the memory that the agent reads: compiled here as C and as C++."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cantor.metering.names import Series
from cantor.native import folder
from cantor.node.metrics.desk import MetricsDesk

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("counting.c")
STRICT = ("-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")
SERVICE = ("source", "service/cam")
ALONE = 1


@pytest.fixture(scope="module", params=["gcc -std=c11", "g++ -std=c++11 -x c++"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("native") / "counting"
    compiler = request.param.split()
    command = [*compiler, *STRICT, "-I", folder(), SOURCE, folder() / "cantor.c", "-o", built]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture
def desk() -> Iterator[MetricsDesk]:
    made = MetricsDesk()
    yield made
    made.close()


def run(program: Path, desk: MetricsDesk | None, *words: str) -> subprocess.CompletedProcess[str]:
    handed = desk.hand_out("service/cam") if desk is not None else None
    return subprocess.run(
        [program, *words],
        capture_output=True,
        text=True,
        env=handed.environment if handed is not None else {},
        pass_fds=handed.descriptors if handed is not None else (),
        timeout=60,
    )


def test_what_native_code_counts_is_read(program: Path, desk: MetricsDesk) -> None:
    done = run(program, desk)

    assert (done.returncode, done.stderr) == (0, "WARNING the door is open\n")
    assert desk.read() == {
        Series("frames", (("a", "ü"), ("camera", "door"), SERVICE), "counter"): 17.0,
        Series("metres", (SERVICE,), "counter"): 1.5,
        Series("queue", (SERVICE,)): 1.5,
        Series("seconds_bucket", (("le", "0.1"), SERVICE), "histogram"): 1.0,
        Series("seconds_bucket", (("le", "1.0"), SERVICE), "histogram"): 2.0,
        Series("seconds_bucket", (("le", "+Inf"), SERVICE), "histogram"): 3.0,
        Series("seconds_count", (SERVICE,), "histogram"): 3.0,
        Series("seconds_sum", (SERVICE,), "histogram"): pytest.approx(3.6),
    }


def test_what_no_agent_has_started_counts_for_itself(program: Path) -> None:
    assert run(program, None).returncode == ALONE


def test_names_that_nobody_could_read_are_refused(program: Path, desk: MetricsDesk) -> None:
    done = run(program, desk, "refuse")

    assert done.stdout.split() == ["3"] * 6 + ["4", "4"]
    assert desk.read() == {}


def test_what_finds_no_room_is_counted_and_stops_nobody(program: Path, desk: MetricsDesk) -> None:
    done = run(program, desk, "fill")

    made, code, words = done.stdout.split(" ", 2)
    assert (int(made), code) == (2048, "2")
    assert "no room" in words
    found = desk.read()
    assert found.pop(Series("cantor_metrics_dropped", (SERVICE,), "counter")) == 2100 - 1000
    assert len(found) == 1000, "the agent has a bound of its own"
