from __future__ import annotations

from cantor.scheduling.actors.life import Life


def life(**about: int) -> Life[str]:
    return Life(checkpoint_calls=about.get("checkpoint_calls", 0))


def test_calls_begin_in_the_order_of_their_places() -> None:
    core = life()

    assert core.invoked(1, 11, "second") == []
    assert core.invoked(0, 10, "first") == [(10, "first", False), (11, "second", False)]
    assert core.invoked(0, 10, "first") == []


def test_of_those_that_run_in_turn_only_the_first_open_one_may_have_begun() -> None:
    core = life()
    for place in range(3):
        core.invoked(place, 10 + place, "")
    assert core.begun == 1

    assert core.ended(10)
    assert not core.ended(10)
    assert core.begun == 2
    core.ended(11)
    core.ended(12)
    assert core.begun == 3


def test_of_those_that_overlap_all_have_begun() -> None:
    core: Life[str] = Life(overlaps=True)
    for place in range(3):
        core.invoked(place, 10 + place, "")

    assert core.begun == 3


def test_a_call_that_is_called_off_before_it_comes_does_not_begin() -> None:
    core = life()

    assert not core.called_off(10)
    assert core.invoked(0, 10, "") == []
    assert core.invoked(1, 11, "") == [(11, "", False)]
    assert core.called_off(11)


def test_the_state_is_kept_after_each_so_many_calls() -> None:
    core = life(checkpoint_calls=2)

    kept = [core.invoked(place, place, "")[0][2] for place in range(4)]

    assert kept == [False, True, False, True]
