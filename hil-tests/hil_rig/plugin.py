"""The pytest plugin: ``pytest hil-tests/scenarios --rig configs/rigs/simulated.yaml``.

Fixtures: ``rig`` (everything), ``board``, ``console``, ``power``, ``faults`` (its parts). Each test
has the rig for itself and the board started. Marker ``rig_can("power", ...)`` skips a test on rigs
that cannot do what it needs. JUnit XML and one HTML page go to ``--rig-report``, default build/hil.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.errors import CantorError, ConfigError
from hil_rig.timeline import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil_rig.board import Board
    from hil_rig.console import Console
    from hil_rig.faults import Faults
    from hil_rig.power import Power
    from hil_rig.rig import Rig
    from hil_rig.rig_file import RigSpec

REPORT_FOLDER = Path("build/hil")
JUNIT_NAME = "junit.xml"
PAGE_NAME = "report.html"
_RUN = pytest.StashKey["RigRun"]()
_RECORD = pytest.StashKey[Record]()


class RigRun:
    """One test run on one rig: collects a record of each test and writes the page."""

    def __init__(self, spec: RigSpec, folder: Path, command: str) -> None:
        self.spec = spec
        self.folder = folder
        self.command = command
        self.records: list[Record] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Iterator[None]:  # the wrapped value goes through untouched
        """Note how each part of a test ended."""
        report = cast("pytest.TestReport", (yield))
        record = item.stash.get(_RECORD, None)
        if record is not None:
            record.wall_s += report.duration
            if report.outcome != "passed":
                record.outcome = report.outcome
                record.reason = str(report.longrepr)[-4000:]
            elif report.when == "call" and record.outcome == "not run":
                record.outcome = "passed"
        return report  # type: ignore[return-value] # a hook wrapper returns what it wraps

    def pytest_sessionfinish(self) -> None:
        """Write the page; a run that lost a test still has one."""
        from hil_rig.report import write_page

        try:
            write_page(self.folder / PAGE_NAME, self.spec, self.records, self.command)
        except ConfigError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the page is."""
        terminalreporter.write_line(f"rig {self.spec.name}: {self.folder / PAGE_NAME}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of rigs."""
    group = parser.getgroup("rig", "hardware-in-the-loop rigs")
    group.addoption("--rig", metavar="FILE", help="the rig file; tests with a board need it")
    group.addoption("--rig-seed", type=int, metavar="N", help="instead of the rig file's seed")
    group.addoption(
        "--rig-report", default=str(REPORT_FOLDER), metavar="FOLDER", help="default: build/hil"
    )


@pytest.hookimpl(tryfirst=True)  # before the JUnit plugin looks for its path
def pytest_configure(config: pytest.Config) -> None:
    """Read the rig file."""
    config.addinivalue_line(
        "markers", "rig_can(*abilities): skip on rigs that cannot do it: power, reset, brown-out"
    )
    name = config.getoption("--rig")
    if not name:
        return
    from dataclasses import replace

    from hil_rig.rig_file import load_rig

    try:
        spec = load_rig(Path(name))
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
    seed = config.getoption("--rig-seed")
    if seed is not None:
        spec = replace(spec, seed=seed)
    folder = Path(config.getoption("--rig-report"))
    if not config.option.xmlpath:
        config.option.xmlpath = str(folder / JUNIT_NAME)
    command = f"pytest {' '.join(config.invocation_params.args)}"
    run = RigRun(spec, folder, command)
    config.stash[_RUN] = run
    config.pluginmanager.register(run, "hil_rig_run")


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The rig with its board started. At the end every armed fault must have fired."""
    run = request.config.stash.get(_RUN, None)
    if run is None:
        pytest.fail("this test needs a board: say --rig FILE (configs/rigs has some)", False)
    from hil_rig.rig import Rig, seed_of

    record = Record(request.node.nodeid, seed_of(request.node.nodeid, run.spec.seed))
    request.node.stash[_RECORD] = record
    run.records.append(record)
    held = Rig(run.spec, record)
    for mark in request.node.iter_markers("rig_can"):
        if lacking := sorted(set(mark.args) - held.backend.abilities):
            record.outcome = "skipped"
            pytest.skip(f"rig {run.spec.name} has no control over {', '.join(lacking)}")
    try:
        try:
            held.open()
            held.board.start()
            yield held
        finally:
            held.close()
            _note_properties(request, record)
        held.faults.prove()
    except CantorError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def board(rig: Rig) -> Board:
    """The board: boot, version, frames."""
    return rig.board


@pytest.fixture
def console(rig: Rig) -> Console:
    """The board's console: expect, send, command, request."""
    return rig.console


@pytest.fixture
def power(rig: Rig) -> Power:
    """The board's supply and reset."""
    return rig.power


@pytest.fixture
def faults(rig: Rig) -> Faults:
    """Faults on the board's line."""
    return rig.faults


def _note_properties(request: pytest.FixtureRequest, record: Record) -> None:
    figures = {measure.name: f"{measure.value:g} {measure.unit}" for measure in record.measures}
    counters = {f"fault: {name}": str(fired) for name, fired in record.faults.items()}
    properties = {"seed": str(record.seed), "rig seconds": f"{record.rig_s:.3f}"}
    request.node.user_properties += [*(properties | figures | counters).items()]
