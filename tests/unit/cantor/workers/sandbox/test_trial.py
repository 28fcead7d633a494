from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.workers.errors import SandboxError
from cantor.workers.pool import Pool
from cantor.workers.sandbox import trial
from cantor.workers.sandbox.levels import Sandbox
from cantor.workers.sandbox.trial import Trial, best_level, remedy_of, require

if TYPE_CHECKING:
    from cantor.workers.sandbox.levels import Level


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
        (
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"user/max_user_namespaces": "0"}, "user.max_user_namespaces="),
        ({"user/max_user_namespaces": "9"}, "--security-opt"),
        ({}, "--security-opt"),
    ],
)
def test_the_remedy_is_a_command(values: dict[str, str], words: str) -> None:
    assert words in remedy_of(lambda path: values.get(path, ""))


@pytest.fixture
def gives(monkeypatch: pytest.MonkeyPatch) -> set[Level]:
    levels: set[Level] = {"none"}

    def try_level(level: Level) -> Trial:
        if level in levels:
            return Trial(level)
        return Trial(level, "mount: Operation not permitted", "sudo do-it")

    monkeypatch.setattr(trial, "try_level", try_level)
    return levels


def test_the_best_level_is_the_most_closed_one(gives: set[Level]) -> None:
    assert best_level() == Trial("none", "mount: Operation not permitted", "sudo do-it")
    gives.add("net")
    assert best_level().level == "net"
    gives.add("full")
    assert best_level() == Trial("full")


@pytest.mark.usefixtures("gives")
def test_what_cannot_be_given_is_refused_with_the_reason_and_what_to_do() -> None:
    require(Sandbox("none"))
    with pytest.raises(SandboxError, match=r"'full'.*Operation not permitted.*sudo do-it"):
        require(Sandbox("full"))


@pytest.mark.usefixtures("gives")
def test_a_pool_begins_in_no_less() -> None:
    with pytest.raises(SandboxError):
        Pool(1, sandbox=Sandbox("net"))


@pytest.mark.parametrize(("failures", "obstacle"), [(1, ""), (2, "Permission denied")])
def test_a_trial_that_failed_once_is_made_again(
    failures: int, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Level] = []

    def tried(level: Level) -> Trial:
        made.append(level)
        return Trial(level, "Permission denied" if len(made) <= failures else "")

    monkeypatch.setattr(trial, "_tried", tried)
    trial.try_level.cache_clear()
    try:
        assert trial.try_level("full").obstacle == obstacle
        assert len(made) == 2
    finally:
        trial.try_level.cache_clear()
