from __future__ import annotations

from cantor.doctor.facts import ClockAhead, FailedRun, OtherClockFacts, RunFacts
from cantor.doctor.mesh_checks import check_modules, check_other_clocks, check_runs


def test_a_clock_that_is_ahead_is_named_with_the_command_that_sets_it() -> None:
    finding = check_other_clocks(OtherClockFacts((ClockAhead("line 1", "10.0.0.7", 95.4),), 3))
    assert (finding.state, finding.remedy) == (
        "problem",
        "ssh 10.0.0.7 sudo timedatectl set-ntp true",
    )
    assert "line 1 (95 s)" in finding.what


def test_a_name_of_another_box_is_quoted_in_the_command() -> None:
    finding = check_other_clocks(OtherClockFacts((ClockAhead("a; rm -rf b", "", 95.0),), 1))
    assert finding.remedy == "ssh 'a; rm -rf b' sudo timedatectl set-ntp true"


def test_where_most_others_are_ahead_this_box_is_behind() -> None:
    ahead = (ClockAhead("a", "10.0.0.1", 100.0), ClockAhead("b", "10.0.0.2", 101.0))
    finding = check_other_clocks(OtherClockFacts(ahead, 3))
    assert finding.remedy == "sudo timedatectl set-ntp true"
    assert "this box's is behind" in finding.what


def test_nothing_wrong_is_said_of_clocks_and_pipelines_that_are_well() -> None:
    assert check_other_clocks(OtherClockFacts((), 3)).state == "ok"
    assert check_runs(RunFacts((), ())).state == "ok"
    assert check_modules(RunFacts((), ())).state == "ok"


def test_a_failed_part_of_a_pipeline_is_named_with_its_cause() -> None:
    failed = tuple(FailedRun(name, "camera", "no such device") for name in ("d1", "d2"))
    finding = check_runs(RunFacts(failed, ()))
    assert finding.what == "camera of deployment d1 failed: no such device, and 1 more"
    assert (finding.state, finding.remedy) == ("problem", "cantor pipeline status d1")


def test_a_worker_without_its_modules_is_named() -> None:
    finding = check_modules(RunFacts((), ("numpy", "cv2")))
    assert finding.state == "warning"
    assert "numpy, cv2" in finding.what
