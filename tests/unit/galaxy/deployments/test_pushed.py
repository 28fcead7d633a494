"""What nodes know of pushed filters, and what a pipeline with them asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.fake import FakeMesh
from cantor.node.push.opener import Opened
from cantor.node.tenants import HUB_ROLE
from galaxy import IMAGE, BaseFilter, Param, Pin
from galaxy.deployments.pushed import Code, Pushed
from galaxy.deployments.records import FILTERS
from galaxy.described import described, listed
from galaxy.pipeline import Connection, FilterSpec, Pipeline
from galaxy.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.fake import FakeNode
    from cantor.node.services import Service
    from cantor.wire.frame import Value
    from galaxy import Context, Frame

IDS = [NodeId(f"{number:02d}" * 16) for number in range(3)]


class Old(BaseFilter):
    """As revision 1 has it."""

    inputs: ClassVar = {"image": Pin(IMAGE)}
    outputs: ClassVar = {"image": Pin(IMAGE)}
    needs = "GPU = 1"
    size = Param(int, 1, minimum=1, maximum=9)

    def process(self, frame: Frame, ctx: Context) -> Frame:
        return frame


class New(Old):
    """With one more parameter."""

    tint = Param(str, "red", secret=True)


class FakePush:
    """What stands on a node."""

    def __init__(self) -> None:
        self.standing: dict[str, Opened] = {}
        self.failed: list[tuple[str, str]] = []
        self.trial: set[str] = set()

    def opened(self) -> dict[str, Opened]:
        return self.standing

    def is_on_trial(self, bundle: str) -> bool:
        return bundle in self.trial

    def run_failed(self, bundle: str, why: str) -> None:
        self.failed.append((bundle, why))


class Plant:
    """Three nodes; what stands on them is changed by hand."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.nodes = [self.mesh.add(one, folder / one[:2]) for one in IDS]
        self.pushes = [FakePush() for _ in IDS]
        for node, push in zip(self.nodes, self.pushes, strict=True):
            node.services["push"] = cast("Service", push)
        self.able: list[dict[str, str]] = [{} for _ in IDS]
        self.registries = [Registry.default() for _ in IDS]
        made = zip(self.nodes, self.registries, self.able, strict=True)
        self.known = [Pushed(*one) for one in made]

    def stand(
        self,
        at: int,
        number: int,
        of: type[BaseFilter],
        called: str = "Mark",
        **changed: Any,  # noqa: ANN401
    ) -> None:
        """A revision stands on a node; 0: none does."""
        told = json.dumps({"filters": [described(called, of)]}).encode()
        place = Path(f"/code/{number}")
        bundle = f"{number:064x}"
        one = Opened("marks", number, bundle, "", "none", ("m:Mark",), place, (), told)
        self.pushes[at].standing = {"marks": replace(one, **changed)} if number else {}
        value = (Resource("Filter.marks", "condition", number),) if number else ()
        self.nodes[at].offer("push", (), value)
        self.look()

    def look(self) -> None:
        """All hear what all tell."""
        for one in self.known * 2:
            one.look()

    def tellers(self) -> list[tuple[NodeId, int]]:
        facts = self.nodes[0].facts(FILTERS)
        return [(fact.owner, cast("dict[str, int]", fact.value)["revision"]) for fact in facts]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def pipeline(
    params: Mapping[str, object] | None = None, needs: str = "", kind: str = "marks/Mark"
) -> Pipeline:
    filters = {
        "source": FilterSpec("test_pattern"),
        "mark": FilterSpec(kind, params or {}, needs),
        "theirs": FilterSpec("of_a_package"),
    }
    ways = ({"from": "source.image", "to": "mark.image"}, {"from": "mark.image", "to": "theirs.in"})
    return Pipeline("seen", filters, tuple(Connection.from_values(one) for one in ways))


def asked(plant: Plant, at: int = 0, needs: str = "", **params: object) -> str:
    """What a pipeline asks of its nodes, as one of them checks it."""
    return plant.known[at].checked(pipeline(params, needs)).filters["mark"].needs


def test_one_of_those_that_have_it_tells_all(plant: Plant) -> None:
    plant.stand(1, 1, Old)
    plant.stand(2, 1, Old)
    plant.look()

    assert plant.tellers() == [(IDS[1], 1)]
    assert all("marks/Mark" in one.names() for one in plant.registries)
    assert plant.able == [{}, {"marks/Mark": "GPU = 1"}, {"marks/Mark": "GPU = 1"}]
    plant.mesh.kill(IDS[1])
    plant.look()
    assert (IDS[2], 1) in plant.tellers()
    plant.stand(2, 0, Old)
    assert (IDS[2], 1) not in plant.tellers()


def test_a_pipeline_asks_for_the_oldest_revision_that_it_fits_and_later_ones(plant: Plant) -> None:
    plant.stand(1, 1, Old)
    plant.stand(2, 2, New)

    assert asked(plant) == "Filter.marks >= 1"
    assert asked(plant, tint="blue") == "Filter.marks >= 2"
    assert asked(plant, needs="A == 1 or B == 1") == "(A == 1 or B == 1) and Filter.marks >= 1"
    again = asked(plant, needs="A == 1 and Filter.marks >= 1", tint="blue")
    assert again == "A == 1 and Filter.marks >= 2"
    plant.stand(1, 0, Old)
    assert asked(plant) == "Filter.marks >= 2"  # nobody else has it now
    plant.stand(2, 0, New)
    with pytest.raises(ConfigError, match="no node that is known here"):
        asked(plant)


def test_what_fits_an_older_revision_alone_is_refused(plant: Plant) -> None:
    plant.stand(1, 1, New)
    plant.stand(2, 2, Old)

    with pytest.raises(ConfigError, match="tint: unknown parameter"):
        asked(plant, tint="blue")


@pytest.mark.parametrize(
    ("params", "kind", "what"),
    [
        ({"size": 10}, "marks/Mark", "filters.mark.params.size: must lie between 1 and 9"),
        ({}, "marks/Park", "has no filter 'marks/Park'"),
        ({}, "parks/Mark", "no node that is known here has the filter type"),
    ],
)
def test_what_does_not_fit_is_refused_and_types_of_packages_are_others_matter(
    plant: Plant, params: dict[str, object], kind: str, what: str
) -> None:
    plant.stand(1, 1, Old)

    with pytest.raises(ConfigError, match=what):
        plant.known[0].checked(pipeline(params, kind=kind))
    unpushed = pipeline(kind="count")
    assert plant.known[0].checked(unpushed) is unpushed


def test_filters_of_two_pushes_are_not_held_together(plant: Plant) -> None:
    plant.stand(1, 1, Old)
    others = {"parks": replace(plant.pushes[1].standing["marks"], name="parks")}
    plant.pushes[1].standing |= others
    plant.nodes[1].offer(
        "push", (), [Resource(f"Filter.{name}", "condition", 1) for name in ("marks", "parks")]
    )
    plant.look()
    way = Connection.from_values({"from": "mark.image", "to": "park.image"})
    base = pipeline()
    both = replace(
        base,
        filters={
            "source": base.filters["source"],
            "mark": base.filters["mark"],
            "park": FilterSpec("parks/Mark"),
        },
        connections=(base.connections[0], way),
    )
    with pytest.raises(ConfigError, match="hold filters of several pushes together: marks, parks"):
        plant.known[0].checked(both)


def test_a_node_of_another_tenant_tells_nothing(plant: Plant) -> None:
    plant.nodes[1].tenant = "others"
    plant.stand(1, 1, Old)

    assert "marks/Mark" in plant.registries[1].names()
    assert "marks/Mark" not in plant.registries[0].names()


@pytest.mark.parametrize(
    "value",
    [None, 7, {}, {"revision": 1, "filters": []}, {"revision": -1, "filters": [1]},
     {"revision": 1, "filters": [{"type": "Mark"}]}],
)  # fmt: skip
def test_what_is_out_of_shape_is_left_out_and_read_once(
    plant: Plant,
    value: Value,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plant.nodes[1].publish(f"{FILTERS}marks", value)
    plant.nodes[1].publish(
        f"{FILTERS}No Name", {"revision": 1, "filters": cast("Value", listed({"Mark": Old}))}
    )
    plant.look()
    plant.look()

    assert plant.registries[0].pushed == {}
    refused = [one for one in caplog.records if "is refused" in one.message]
    assert len(refused) == (0 if value is None else 3)  # once on each node


def test_a_worker_gets_the_code_of_its_group(plant: Plant) -> None:
    libraries = (Path("/code/1.0"),)
    plant.stand(1, 1, Old, libraries=libraries, needs="A == 1", level="net")
    here = plant.known[1]

    code = here.code_of(pipeline(), ("source", "mark"))
    assert code is not None
    assert code.paths == (Path("/code/1"), *libraries)
    assert (code.places, code.filters, code.level) == ({"marks/Mark": "m:Mark"}, ("mark",), "net")
    assert plant.able[1] == {"marks/Mark": "A == 1 and GPU = 1"}
    assert here.code_of(pipeline(), ("source",)) is None
    with pytest.raises(ConfigError, match="does not stand on this node"):
        plant.known[0].code_of(pipeline(), ("mark",))


def test_only_what_the_code_may_have_done_counts_against_it(plant: Plant) -> None:
    plant.stand(1, 1, Old)
    here, push = plant.known[1], plant.pushes[1]
    code = here.code_of(pipeline(), ("source", "mark"))

    assert not here.run_failed(code, "filter mark on node x: no light")  # it is good
    push.trial.add(cast("Code", code).bundles[0])
    assert not here.run_failed(code, "filter source on node x: no camera")
    assert not here.run_failed(None, "x")
    assert push.failed == []
    for why in ("filter mark on node x: no light", "the worker process ended with code 7"):
        assert here.run_failed(code, why)
    assert [why for _, why in push.failed] == [
        "filter mark on node x: no light",
        "the worker process ended with code 7",
    ]


def test_a_node_does_not_begin_what_it_does_not_know_yet(plant: Plant) -> None:
    assert plant.known[0].told(pipeline()) is None
    assert plant.known[0].told(pipeline(kind="count")) == []
    plant.stand(1, 1, Old)
    told = cast("list[dict[str, Any]]", plant.known[0].told(pipeline()))
    assert [(one["push"], one["revision"]) for one in told] == [("marks", 1)]


def test_while_two_revisions_stand_each_pipeline_is_told_what_it_fits(plant: Plant) -> None:
    plant.stand(1, 1, Old)
    plant.stand(2, 2, New, "Park", classes=("m:Park",))  # the class is gone in the newer one

    told = cast("list[dict[str, Any]]", plant.known[0].told(pipeline()))
    assert [one["revision"] for one in told] == [1]
    assert plant.registries[1].work(plant.able[1]) == {"marks/Mark": 0.1}  # it still runs there
    assert "marks/Mark" not in plant.registries[0].names()


def test_a_node_tells_of_no_more_types_than_others_read(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galaxy.deployments.pushed.TYPES_MAX", 1)
    plant.able[1]["count"] = ""
    plant.stand(1, 1, Old)
    assert plant.able[1] == {"count": ""}


def test_a_hub_knows_and_runs_none(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    node: FakeNode = plant.nodes[1]
    node.labels = {"role": HUB_ROLE}
    plant.stand(1, 1, Old)

    assert plant.able[1] == {}
    assert "marks/Mark" in plant.registries[0].names()


def test_an_old_description_of_types_that_the_manifest_does_not_name_is_left_out(
    plant: Plant,
) -> None:
    plant.stand(1, 1, Old, classes=("m:Other",))
    assert plant.registries[1].pushed == {}
    assert not plant.tellers()
    assert not plant.known[1].views()
