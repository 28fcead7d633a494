from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.leases import LEASE, LEASE_S, make_lease
from cantor.identity.policies import POLICY, Policy, make_policy
from cantor.identity.statements import StatementReader
from cantor.identity.store import IdentityFolder
from cantor.ledger.facts import Fact
from cantor.ledger.ledger import Ledger
from cantor.node.fake import FakeMesh
from cantor.node.lifecycle.leases import Leases
from cantor.node.lifecycle.policies import POLICY_HELD, Policies

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

NOW_S, DAY_S = 1_800_000_000.0, 86_400.0
ISSUER = NodeId("a" * 32)
PLANT = Authority.create("plant", now=datetime.fromtimestamp(NOW_S, UTC))


class Bench:
    """One node's policies and leases, and a box whose certificate begins at NOW_S."""

    def __init__(self, folder: Path, *, authority: Authority | None = None) -> None:
        self.mesh = FakeMesh()
        node = self.mesh.add(ISSUER, folder / "node")
        reader = StatementReader("plant", PLANT.root_pem)
        self.kept = IdentityFolder(folder / "kept")
        (folder / "kept").mkdir(parents=True, exist_ok=True)
        self.changes = 0
        self.policies = Policies(node, self.kept, reader, authority=authority, changed=self._count)
        box = IdentityFolder(folder / "box")
        chain = PLANT.issue(box.csr_pem(), now=datetime.fromtimestamp(NOW_S, UTC))
        self.box = box.node_id
        of_box = Ledger(
            self.box, epoch=1, sign=lambda _: b"", certificate=chain.pem, verify=lambda *_: True
        )
        ledger = Ledger(
            ISSUER, epoch=1, sign=lambda _: b"", certificate=b"", verify=lambda *_: True
        )
        ledger.merge(of_box.publish({"node": {"name": "box"}}, 1)[0], 2)
        self.leases = Leases(ledger, reader, self.policies)

    def _count(self) -> None:
        self.changes += 1

    def states(self, *days: float) -> list[str]:
        """How the box stands so many days later."""
        found = []
        for day in days:
            now_s = NOW_S + day * DAY_S
            is_stale = self.leases.is_stale(self.box, now_s)
            is_expired = self.leases.is_expired(self.box, now_s)
            found.append("expired" if is_expired else "stale" if is_stale else "fresh")
        return found


def fact(name: str, value: Value) -> Fact:
    return Fact(ISSUER, name, value, 1, 1)


def test_a_stale_node_works_on_for_35_days_or_as_long_as_its_tenant_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.states(0.9, 1.1, 35.9, 36.1, 400) == ["fresh", "stale", "stale", *["expired"] * 2]
    bench.policies.heard(fact(POLICY, make_policy(PLANT, Policy(2, 3), NOW_S).packed))
    assert bench.states(0.9, 3.9, 4.1) == ["fresh", "stale", "expired"]


def test_a_new_lease_ends_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.states(50) == ["expired"]
    lease = make_lease(PLANT, bench.box, "", NOW_S + 50 * DAY_S - 1, LEASE_S)
    bench.leases.heard(fact(LEASE, lease.packed)._replace(owner=bench.box))
    assert bench.states(50, 51, 85.9, 87) == ["fresh", "stale", "stale", "expired"]


def test_a_node_that_has_not_said_who_it_is_is_not_expired(tmp_path: Path) -> None:
    assert not Bench(tmp_path).leases.is_expired(NodeId("9" * 32), 100 * NOW_S)


def test_of_two_policies_the_later_holds_also_over_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for stamp, days in ((5, 7), (4, 9)):
        statement = make_policy(PLANT, Policy(stamp, days), NOW_S)
        bench.policies.heard(fact(POLICY, statement.packed))
    assert bench.policies.of("default") == Policy(5, 7)
    assert Bench(tmp_path).policies.of("default") == Policy(5, 7)


@pytest.mark.parametrize("value", [None, b"", 3, {"stale_days": 3}])
def test_what_no_authority_signed_is_no_policy(tmp_path: Path, value: Value) -> None:
    bench = Bench(tmp_path)
    bench.policies.heard(fact(POLICY, value))
    assert bench.policies.of("default") == Policy()


def test_the_authority_of_one_tenant_decides_nothing_for_another(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    other = PLANT.for_tenant("other", now=datetime.fromtimestamp(NOW_S, UTC))
    bench.policies.heard(fact(POLICY, make_policy(other, Policy(5, 7), NOW_S).packed))
    assert bench.policies.of("default") == Policy()
    assert bench.policies.of("other") == Policy(5, 7)
    assert Bench(tmp_path).policies.of("other") == Policy()


def test_only_an_issuer_decides_and_each_time_its_newest_word_holds(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only an issuer"):
        Bench(tmp_path).policies.decide(3)
    bench = Bench(tmp_path, authority=PLANT)
    for days in (3, 40, 5):
        bench.policies.decide(days)
        assert bench.policies.of("default").stale_days == days
    heard = Bench(tmp_path / "other")
    heard.policies.heard(fact(POLICY, bench.mesh.held[ISSUER, POLICY].value))
    assert heard.policies.of("default").stale_days == 5


def test_a_new_root_signs_what_holds_anew_and_no_default(tmp_path: Path) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    bench.policies.say_again()
    assert (ISSUER, POLICY) not in bench.mesh.held
    bench.policies.decide(3)
    before = bench.policies.of("default").stamp
    bench.policies.say_again()
    assert bench.policies.of("default").stale_days == 3
    assert bench.policies.of("default").stamp > before


def test_a_decision_says_which_it_is_when_it_was_made_and_by_whom(tmp_path: Path) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    bench.policies.decide(3, by="owner")
    bench.policies.decide(9, by="local:root")
    own = bench.policies.own
    assert (own.stale_days, own.number, own.by, own.issuer) == (9, 2, "local:root", ISSUER)
    assert own.at_ms == pytest.approx(bench.mesh.nodes[ISSUER].wall() * 1000, abs=60_000)
    bench.policies.say_again()
    again = bench.policies.own
    assert (again.number, again.at_ms, again.by) == (2, own.at_ms, "local:root")
    assert again.stamp > own.stamp


def test_a_node_says_which_policy_it_keeps_to_once_it_is_in_the_mesh(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.policies.start()
    assert bench.policies.held() == {}
    bench.policies.heard(fact(POLICY, make_policy(PLANT, Policy(5, 7), NOW_S).packed))
    assert bench.policies.held() == {ISSUER: 5}
    assert bench.changes == 1
    again = Bench(tmp_path)
    assert again.policies.held() == {}
    again.policies.start()
    assert again.policies.held() == {ISSUER: 5}
    assert again.changes == 0


@pytest.mark.parametrize("value", [5, None, {"stamp": "5"}, {"stamp": True}, {}])
def test_a_malformed_word_about_what_is_kept_to_counts_for_nothing(
    tmp_path: Path, value: Value
) -> None:
    bench = Bench(tmp_path)
    bench.mesh.write(ISSUER, POLICY_HELD, value)
    assert bench.policies.held() == {}


def test_the_call_tells_who_has_the_policy_and_sets_another(tmp_path: Path) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    for letter in "bc":
        bench.mesh.add(NodeId(letter * 32), tmp_path / letter)
    for letter, name in (("a", "hub"), ("b", "dock"), ("c", "gate")):
        bench.mesh.write(NodeId(letter * 32), "node", {"name": name})
    bench.mesh.nodes[NodeId("c" * 32)].tenant = "other"
    ask = bench.policies.calls()["mesh.policy"]
    bench.policies.start()

    assert ask({}) == {
        "stale_days": 35, "revision": 0, "at": None, "by": "", "issuer": "",
        "nodes": [
            {"node": "b" * 32, "name": "dock", "has_it": True},
            {"node": "a" * 32, "name": "hub", "has_it": True},
        ],
    }  # fmt: skip
    told = ask({"stale_days": 3, "by": "local:root"})

    assert isinstance(told, dict)
    assert (told["stale_days"], told["revision"], told["by"]) == (3, 1, "local:root")
    assert told["nodes"] == [
        {"node": "b" * 32, "name": "dock", "has_it": False},
        {"node": "a" * 32, "name": "hub", "has_it": True},
    ]


def test_what_the_disk_does_not_take_is_not_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, authority=PLANT)
    bench.policies.decide(3)

    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(IdentityFolder, "keep_statement", full)
    with pytest.raises(OSError, match="no space"):
        bench.policies.decide(9)
    assert bench.policies.own.stale_days == 3
    assert bench.changes == 1


def test_what_was_heard_while_the_disk_was_full_is_kept_when_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path)
    said = make_policy(PLANT, Policy(2, 3), NOW_S).packed
    tries: list[None] = []

    def full(*_: object) -> None:
        tries.append(None)
        raise OSError("no space")

    with monkeypatch.context() as disk:
        disk.setattr(IdentityFolder, "keep_statement", full)
        bench.policies.heard(fact(POLICY, said))
        bench.policies.keep()
    assert len(tries) == 2
    assert bench.policies.own.stale_days == 3
    assert caplog.text.count("cannot be written down yet") == 1
    assert not bench.kept.statement(POLICY)

    bench.policies.keep()
    assert bench.kept.statement(POLICY) == said
