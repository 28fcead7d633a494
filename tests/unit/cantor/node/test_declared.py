"""Projects that a tenant's authority declares: heard, kept, changed by issuers alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.projects import PROJECTS, Projects, make_projects
from cantor.identity.statements import StatementReader, make_statement
from cantor.identity.store import IdentityFolder
from cantor.ledger.facts import Fact
from cantor.node.fake import FakeMesh
from cantor.node.lifecycle.declared import Declared
from cantor.scheduling.shares.terms import PROJECTS_MAX, Terms

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

NOW_S = 1_800_000_000.0
ISSUER = NodeId("a" * 32)
PLANT = Authority.create("plant", now=datetime.fromtimestamp(NOW_S, UTC))


class Bench:
    """The projects of one node; ``changes`` counts how often others held."""

    def __init__(self, folder: Path, *, authority: Authority | None = None) -> None:
        self.mesh = FakeMesh()
        self.node = self.mesh.add(ISSUER, folder / "node")
        self.folder = IdentityFolder(folder / "kept")
        (folder / "kept").mkdir(parents=True, exist_ok=True)
        self.changes = 0
        self.declared = self.begun(authority)

    def begun(self, authority: Authority | None = None) -> Declared:
        """As after a start of the agent."""
        reader = StatementReader("plant", PLANT.root_pem)
        return Declared(self.node, self.folder, reader, authority=authority, changed=self.changed)

    def changed(self) -> None:
        self.changes += 1

    def call(self, call: str, /, **args: Value) -> dict[str, dict[str, Value]]:
        told = cast("list[dict[str, Value]]", self.declared.calls()[call](args))
        return {str(row.pop("project")): row for row in told}


def said(projects: Projects, authority: Authority = PLANT) -> Fact:
    return Fact(ISSUER, PROJECTS, make_projects(authority, projects, NOW_S).packed, 1, 1)


def test_of_two_lists_the_later_holds_also_after_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    later, earlier = Projects(5, {"vision": Terms(3)}), Projects(4, {"lab": Terms()})
    bench.declared.heard(said(later))
    bench.declared.heard(said(earlier))
    assert bench.declared.terms == {"vision": Terms(3)}
    assert bench.changes == 1
    assert bench.begun().terms == {"vision": Terms(3)}


def test_an_issuer_declares_changes_and_removes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    assert set(bench.call("project.list")) == {"default"}
    bench.call("project.set", name="vision", share=3, limits={"GPU": 4})
    told = bench.call("project.set", name="vision", priority=1, limits={"Memory": 2**31})
    assert told["vision"] == {"share": 3, "priority": 1, "limits": {"GPU": 4, "Memory": 2**31}}
    told = bench.call("project.set", name="vision", limits={"GPU": None})
    assert told["vision"]["limits"] == {"Memory": 2**31}
    assert bench.node.lasting == {PROJECTS}

    other = Bench(tmp_path / "other")
    fact = bench.mesh.held[(ISSUER, PROJECTS)]
    other.declared.heard(fact)
    assert (
        other.declared.terms == bench.declared.terms == {"vision": Terms(3, 1, {"Memory": 2**31})}
    )

    assert set(bench.call("project.remove", name="vision")) == {"default"}
    other.declared.heard(bench.mesh.held[(ISSUER, PROJECTS)])
    assert not other.declared.terms


def test_who_is_no_issuer_cannot(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(ConfigError, match="only an issuer can declare projects"):
        bench.call("project.set", name="vision")
    with pytest.raises(ConfigError, match="only an issuer can remove projects"):
        bench.call("project.remove", name="vision")


@pytest.mark.parametrize(
    ("args", "match"),
    [
        ({"name": "No Good"}, "no project can be called 'No Good'"),
        ({"name": "a", "share": 0}, "must be 1 to 1000"),
        ({"name": "a", "share": "3"}, "must be 1 to 1000"),
        ({"name": "a", "priority": 101}, "must be -100 to 100"),
        ({"name": "a", "limits": {"GPU": -1}}, "limits nothing"),
    ],
)
def test_what_is_out_of_range_is_refused_and_changes_nothing(
    tmp_path: Path, args: dict[str, Value], match: str
) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    with pytest.raises(ConfigError, match=match):
        bench.call("project.set", **args)
    assert not bench.declared.terms
    assert not bench.mesh.held.get((ISSUER, PROJECTS))


def test_there_is_an_end_of_projects_and_none_of_another_name_is_removed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    bench.declared.heard(said(Projects(1, {f"p{n}": Terms() for n in range(PROJECTS_MAX)})))
    with pytest.raises(ConfigError, match=f"{PROJECTS_MAX} projects at most"):
        bench.call("project.set", name="more")
    with pytest.raises(ConfigError, match="there is no such project"):
        bench.call("project.remove", name="more")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"stamp": "1", "projects": {}},
        {"stamp": 1, "projects": []},
        {"stamp": 1, "projects": {"a": 7}},
        {"stamp": 1, "projects": {"a": {"share": 1.5}}},
        {"stamp": 1, "projects": {"A B": {"share": 1}}},
        {"stamp": 1, "projects": {"a": {"limits": {"GPU": "4"}}}},
        {"stamp": 1, "projects": {f"p{n}": {} for n in range(PROJECTS_MAX + 1)}},
    ],
)
def test_odd_lists_and_those_of_other_authorities_change_nothing(
    tmp_path: Path, content: dict[str, Value]
) -> None:
    bench = Bench(tmp_path)
    stranger = Authority.create("plant", now=datetime.fromtimestamp(NOW_S, UTC))
    bench.declared.heard(said(Projects(9, {"pirates": Terms(1000)}), stranger))
    packed = make_statement(PLANT, PROJECTS, content, NOW_S).packed
    bench.declared.heard(Fact(ISSUER, PROJECTS, packed, 1, 1))
    bench.declared.heard(Fact(ISSUER, PROJECTS, b"junk", 1, 1))
    assert not bench.declared.terms
    assert not bench.changes


def test_a_new_root_signs_them_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    bench.call("project.set", name="vision", share=3)
    before = bench.declared.of("default").stamp
    bench.declared.say_again()
    assert bench.declared.of("default").stamp > before
    assert bench.declared.terms == {"vision": Terms(3)}
