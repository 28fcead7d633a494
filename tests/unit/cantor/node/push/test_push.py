"""Code push between nodes in memory: orders, canaries, returns, copies, restarts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.node.push.boxes import BROKEN, CALM, IDS, NAMES, Boxes, FakeProcess

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.resources import Resource
from cantor.bundles.tree import File, pack
from cantor.node.logs.service import TOPIC
from cantor.services import upkeep
from cantor.services.orders import KIND, Key, first_order
from cantor.workers.sandbox.trial import Trial

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


KEY = Key("default", "counter")


@pytest.fixture
async def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Boxes]:
    monkeypatch.setattr(upkeep, "TRIAL_PAUSE_S", 0.0)
    made = Boxes(tmp_path, monkeypatch)
    for name in ("ash", "birch", "cedar"):
        await made.start(name)
    yield made
    await made.close()


async def test_every_node_that_meets_the_needs_runs_it(boxes: Boxes) -> None:
    view = await boxes.push("ash", CALM, needs='label.site in ["birch", "cedar"]')

    assert (view["name"], view["revision"]["number"], view["warning"]) == ("counter", 1, "")
    await boxes.until("ash", birch=("running", 1), cedar=("running", 1))
    assert (boxes.alive("ash"), boxes.alive("birch")) == ([], ["1"])
    assert FakeProcess.started["birch"][0].environment["CANTOR_SERVICE"] == "counter"


async def test_a_node_that_comes_later_runs_it_too_also_when_the_pusher_is_gone(
    boxes: Boxes,
) -> None:
    await boxes.push("ash", CALM)
    await boxes.until("birch", **dict.fromkeys(("ash", "birch", "cedar"), ("running", 1)))
    await boxes.stop("ash")

    await boxes.start("dogwood")

    await boxes.until_true(lambda: boxes.states("birch").get("dogwood") == ("running", 1))


async def test_a_new_revision_takes_the_place_of_the_old_one(boxes: Boxes) -> None:
    await boxes.push("ash", CALM, needs='label.site == "birch"')
    await boxes.until("ash", birch=("running", 1))

    await boxes.push("cedar", CALM + "#", needs='label.site == "birch"', note="better")

    await boxes.until("ash", birch=("running", 2))
    assert boxes.alive("birch") == ["2"]
    past = boxes.view("ash")["past"]
    assert [(one["number"], one["by_name"]) for one in past] == [(1, "ash")]


async def test_two_that_push_at_once_have_one_winner_everywhere(boxes: Boxes) -> None:
    for name, main in (("ash", CALM), ("birch", CALM + "#")):
        code = boxes.folder / f"at once {name}"
        code.write_bytes(pack({"main.py": File(main.encode())}))
        push, node_id = boxes.pushes[name], IDS[NAMES.index(name)]
        bundle = await push.bundles.add({"": code})
        order = first_order(KEY, node_id, bundle.id, "", 1.0)
        words = boxes.mesh.nodes[node_id].words
        boxes.mesh.write(node_id, KEY.fact, words.say(KIND, order.content()))

    await boxes.until_true(
        lambda: (
            all(
                one.main == CALM + "#"
                for name in boxes.pushes
                for one in FakeProcess.started[name]
                if one.is_alive
            )
            and set(boxes.states("cedar").values()) <= {("running", 1), ("trial", 1)}
            and len(boxes.states("cedar")) == 3
        )
    )
    assert {boxes.view(name)["revision"]["by"] for name in boxes.pushes} == {IDS[1]}


async def test_a_revision_that_crashes_returns_by_itself(boxes: Boxes) -> None:
    await boxes.push("ash", CALM, needs='label.site == "birch"')
    await boxes.until("ash", birch=("running", 1))

    await boxes.push("ash", BROKEN, needs='label.site == "birch"')

    await boxes.until("ash", birch=("returned", 1))
    row = boxes.view("ash")["nodes"][0]
    assert row["why"] == "exit code 3"
    assert boxes.alive("birch") == ["1"]


async def test_one_that_is_never_well_is_ended_in_its_time(boxes: Boxes) -> None:
    manifest = "needs: label.site == 'ash'\nhealth: {ready: never printed, within: 50ms}\n"
    await boxes.push("ash", CALM, manifest)
    await boxes.until("ash", ash=("failing", 0))

    assert boxes.view("ash")["nodes"][0]["why"] == "not well within 0.05 s"


async def test_a_canary_that_fails_returns_everybody_and_says_why(boxes: Boxes) -> None:
    everywhere = dict.fromkeys(boxes.pushes, ("running", 1))
    await boxes.push("ash", CALM)
    await boxes.until("ash", **everywhere)
    before = {name: len(started) for name, started in FakeProcess.started.items()}

    view = await boxes.push("ash", BROKEN, canary="1")
    (canary,) = (row["name"] for row in view["nodes"] if row["is_canary"])

    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 3)))
    seen = boxes.view("ash")
    assert seen["why"] == f"revision 2 failed on {canary}: exit code 3"
    assert [one["is_bad"] for one in seen["past"]] == [True, False]
    others = [name for name in boxes.pushes if name != canary]
    assert [len(FakeProcess.started[name]) for name in others] == [before[n] for n in others]
    assert boxes.alive(canary) == ["1"]


def levels(name: str) -> list[str]:
    """How closed the processes on a node are that live."""
    return [one.level for one in FakeProcess.started[name] if one.is_alive]


async def test_code_of_other_nodes_is_closed_in_and_ones_own_is_not(boxes: Boxes) -> None:
    await boxes.push("ash", CALM)
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 1)))

    assert [levels(name) for name in ("ash", "birch", "cedar")] == [["none"], ["full"], ["full"]]


async def test_a_return_runs_at_the_level_of_who_has_pushed_the_code(boxes: Boxes) -> None:
    await boxes.push("ash", CALM)
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 1)))
    await boxes.push("birch", CALM + "#")
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 2)))
    assert [levels(name) for name in ("ash", "birch")] == [["full"], ["none"]]

    await boxes.call("cedar", "service.return", name="counter", revision=1)
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 3)))

    assert [levels(name) for name in ("ash", "birch", "cedar")] == [["none"], ["full"], ["full"]]


async def test_a_canary_that_returns_gives_the_code_no_level_of_its_own(boxes: Boxes) -> None:
    await boxes.push("ash", CALM)
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 1)))
    view = await boxes.push("ash", BROKEN, canary="1")
    (canary,) = (row["name"] for row in view["nodes"] if row["is_canary"])
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 3)))

    assert levels(canary) == ["none" if canary == "ash" else "full"]
    await boxes.stop(canary)
    await boxes.start(canary)
    await boxes.until_true(lambda: boxes.alive(canary) == ["3"])
    assert levels(canary) == ["none" if canary == "ash" else "full"]


async def test_who_says_that_others_have_pushed_it_gains_nothing(
    boxes: Boxes, tmp_path: Path
) -> None:
    await boxes.push("ash", CALM)
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 1)))
    code = boxes.folder / "forged"
    code.write_bytes(pack({"main.py": File((CALM + "# forged").encode())}))
    bundle = await boxes.pushes["cedar"].bundles.add({"": code})
    order = boxes.pushes["cedar"].orders()[KEY]
    told = replace(order.revision, bundle=bundle.id)
    forged = replace(order, number=2, by=IDS[2], revision=told)
    liar = boxes.mesh.nodes[IDS[2]]
    liar.publish(KEY.fact, liar.words.say(KIND, forged.content()), lasting=True)

    await boxes.until_true(lambda: levels("ash") == ["full"])

    assert FakeProcess.started["ash"][-1].main.endswith("# forged")


async def test_code_is_refused_where_its_level_cannot_be_given(boxes: Boxes) -> None:
    nothing = Trial("full", "namespaces are forbidden", "allow them")
    sandboxes = boxes.mesh.nodes[IDS[1]].sandboxes
    sandboxes.learn([nothing, Trial("net"), Trial("none")])

    await boxes.push("ash", CALM, needs='label.site == "birch"')

    await boxes.until("ash", birch=("refused", 0))
    why = boxes.view("ash")["nodes"][0]["why"]
    assert "namespaces are forbidden (allow them; or start its node with --sandbox net)" in why
    assert boxes.alive("birch") == []


async def test_after_its_canaries_were_good_all_run_it(boxes: Boxes) -> None:
    await boxes.push("ash", CALM)
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 1)))

    view = await boxes.push("ash", CALM + "#", canary="10%")

    assert len(view["canaries"]) == 1
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 2)))


async def test_stop_start_return_and_remove(boxes: Boxes, tmp_path: Path) -> None:
    await boxes.push("ash", CALM, needs='label.site == "birch"')
    await boxes.until("ash", birch=("running", 1))
    await boxes.push("ash", CALM + "#", needs='label.site == "birch"')
    await boxes.until("ash", birch=("running", 2))

    await boxes.call("cedar", "service.return", name="counter")
    await boxes.until("ash", birch=("running", 3))
    assert FakeProcess.started["birch"][-1].main == CALM
    await boxes.call("cedar", "service.return", name="counter", revision=2)
    await boxes.until("ash", birch=("running", 4))
    await boxes.call("cedar", "service.stop", name="counter")
    await boxes.until("ash")
    assert boxes.alive("birch") == []
    await boxes.call("ash", "service.start", name="counter")
    await boxes.until("ash", birch=("running", 4))
    await boxes.call("ash", "service.remove", name="counter")
    await boxes.until_true(lambda: boxes.view("ash") == {})
    place = tmp_path / "birch" / "services" / "default.counter"
    await boxes.until_true(lambda: not place.exists())
    assert boxes.alive("birch") == []


async def test_a_restarted_node_runs_what_it_ran_with_nobody_else_there(boxes: Boxes) -> None:
    await boxes.push("ash", CALM, needs='label.site == "birch"')
    await boxes.until("birch", birch=("running", 1))
    for name in ("ash", "birch", "cedar"):
        await boxes.stop(name)
    boxes.mesh.held.clear()
    assert boxes.alive("birch") == []

    await boxes.start("birch")

    await boxes.until("birch", birch=("running", 1))
    assert boxes.alive("birch") == ["1"]


async def test_a_node_that_ran_it_tells_others_when_the_pusher_has_gone_for_good(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cantor.node.push.service.GREET_S", 0.0)
    await boxes.push("ash", CALM)
    await boxes.until("birch", **dict.fromkeys(boxes.pushes, ("running", 1)))

    await boxes.stop("ash")

    await boxes.until_true(lambda: boxes.mesh.held.get((IDS[1], KEY.fact)) is not None)
    assert (IDS[2], KEY.fact) not in boxes.mesh.held


async def test_who_has_no_code_run_is_refused_with_one_error(boxes: Boxes) -> None:
    boxes.mesh.nodes[IDS[1]].words.strangers.add(IDS[0])

    await boxes.push("ash", CALM)
    await boxes.until("ash", ash=("running", 1), birch=("refused", 0), cedar=("running", 1))

    (why,) = boxes.pushes["birch"].refused()
    assert "its signer has no code.run on this node" in why
    assert boxes.view("birch") == {}
    await boxes.push("birch", CALM + "#")
    await boxes.until_true(lambda: boxes.states("birch").get("birch", ("", 0))[0] == "running")


async def test_a_forged_return_is_refused(boxes: Boxes, tmp_path: Path) -> None:
    await boxes.push("ash", CALM)
    await boxes.until("ash", **dict.fromkeys(boxes.pushes, ("running", 1)))
    order = boxes.pushes["ash"].orders()[KEY]
    liar = boxes.mesh.add(IDS[3], tmp_path)
    elsewhere = first_order(KEY, IDS[3], "9" * 64, "", 1.0).revision
    proof = liar.words.say(KIND, order.content())
    forged = order.returned(IDS[3], elsewhere, 2.0, "why", proof)
    liar.publish(KEY.fact, liar.words.say(KIND, forged.content()), lasting=True)

    await boxes.until_true(lambda: boxes.pushes["cedar"].refused() != [])

    assert "a return that nobody was asked for" in boxes.pushes["cedar"].refused()[0]
    assert boxes.view("cedar")["revision"]["number"] == 1


async def test_units_are_taken_while_it_runs_and_waited_for(boxes: Boxes) -> None:
    await boxes.start("dogwood", [Resource("GPU", "quantity", 1)])
    needs = "GPU = 1"
    await boxes.push("ash", CALM, needs=needs)
    await boxes.until("ash", dogwood=("running", 1))

    await boxes.push("ash", CALM, needs=needs, name="second")
    await boxes.until_true(
        lambda: "held by service/default/counter" in str(boxes.pushes["ash"].views()[1])
    )
    await boxes.call("ash", "service.remove", name="counter")

    await boxes.until_true(lambda: boxes.states("ash") == {"dogwood": ("running", 1)})
    assert boxes.view("ash")["name"] == "second"


async def test_logs_are_read_from_any_node(boxes: Boxes) -> None:
    await boxes.push("ash", CALM, needs='label.site in ["birch", "cedar"]')
    await boxes.until("ash", birch=("running", 1), cedar=("running", 1))

    told = await boxes.call("ash", "service.logs", name="counter", node="birch", lines=1)
    both = await boxes.call("birch", "service.logs", name="counter")

    assert [row["name"] for row in told] == ["birch"]
    assert told[0]["lines"][0].endswith(" ready")
    assert [(row["name"], len(row["lines"])) for row in both] == [("birch", 2), ("cedar", 2)]


async def test_a_node_of_another_tenant_reads_no_logs_whatever_it_says_of_itself(
    boxes: Boxes,
) -> None:
    await boxes.push("ash", CALM, needs='label.site in ["birch"]')
    await boxes.until("ash", birch=("running", 1))
    ash, birch = (boxes.mesh.nodes[IDS[NAMES.index(name)]] for name in ("ash", "birch"))
    ash.tenant = "other"
    ash.publish("node", {"labels": {"role": "hub"}, "tenant": birch.tenant})

    with pytest.raises(RemoteProtocolError, match="another tenant"):
        await ash.request(birch.node_id, TOPIC, {})


@pytest.mark.parametrize(("args", "error"), [
    ({"name": "Big"}, "not a name of a service"),
    ({"needs": "GPU =="}, "needs"),
    ({"canary": "none"}, "not a number of nodes"),
    ({"canary": "0"}, "not a number of nodes"),
    ({"hold_s": -1}, "must be a number of seconds"),
    ({"files": {}}, "no code"),
    ({"files": {"": "/nowhere"}}, "the code cannot be read"),
    ({"needs": "a == 1 and " * 120 + "a == 1"}, "longer than 1024"),
])  # fmt: skip
async def test_a_push_that_is_wrong_says_so(
    boxes: Boxes, args: dict[str, object], error: str
) -> None:
    with pytest.raises(ConfigError, match=error):
        await boxes.push("ash", CALM, **args)  # type: ignore[arg-type] # the point


async def test_needs_that_nobody_meets_are_said(boxes: Boxes) -> None:
    view = await boxes.push("ash", CALM, needs="Robot == 1")

    assert "Robot" in view["warning"]
    assert view["nodes"] == []


@pytest.mark.parametrize("call", ["stop", "start", "remove", "return", "logs"])
async def test_a_service_that_is_not_there_is_said(boxes: Boxes, call: str) -> None:
    with pytest.raises(ConfigError, match="there is no such service"):
        await boxes.call("ash", f"service.{call}", name="nothing")


async def test_a_revision_that_is_not_known_cannot_be_returned_to(boxes: Boxes) -> None:
    await boxes.push("ash", CALM)

    with pytest.raises(ConfigError, match="no such revision"):
        await boxes.call("ash", "service.return", name="counter")
    with pytest.raises(ConfigError, match="no such revision"):
        await boxes.call("ash", "service.return", name="counter", revision=7)


async def test_a_service_with_too_much_data_is_ended_and_says_why(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cantor.node.push.quota.LOOK_S", 0.01)
    boxes.data_bytes_max = 1 << 20
    await boxes.start("dogwood")
    await boxes.push("ash", CALM, needs='label.site == "dogwood"')
    await boxes.until("ash", dogwood=("running", 1))
    (process,) = FakeProcess.started["dogwood"]

    large = Path(process.environment["CANTOR_DATA"]) / "large"
    large.write_bytes(bytes(2 << 20))
    await boxes.until("ash", dogwood=("restarting", 0))

    assert not process.is_alive
    (row,) = boxes.view("ash")["nodes"]
    assert "its data take more than 1.0 MiB" in row["why"]
    assert str(large.parent) in row["why"]
    (answer,) = await boxes.call("ash", "service.logs", name="counter")
    assert any("its data take more than 1.0 MiB" in line for line in answer["lines"])
    assert len(FakeProcess.started["dogwood"]) == 1
    large.unlink()
    await boxes.until("ash", dogwood=("running", 1))
