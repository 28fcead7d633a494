"""Which node may have a secret for a service: by the signed orders in the ledger alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.cantor.node.push.boxes import BROKEN, CALM, IDS, Boxes, FakeProcess

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.fake import FakeMesh, FakeWords
from cantor.node.push.secrets import ServiceSecrets, why_not
from cantor.node.secrets.records import SecretKey
from cantor.services.manifest import Manifest, read_manifest
from cantor.services.orders import KIND, Key, first_order

if TYPE_CHECKING:
    from cantor.node.fake import FakeNode
    from cantor.node.secrets.service import Secrets
    from cantor.services.orders import Order
    from cantor.wire.frame import Value

ASH, BIRCH, CEDAR = (NodeId(letter * 32) for letter in "abc")
MAIL = SecretKey("default", "default", "mail")
NAME = "mailer"


def order(**changes: object) -> Order:
    made = first_order(
        Key("default", NAME), ASH, "0" * 64, "Mail == 1", 9.0, secrets=("mail", "other")
    )
    return replace(made, **changes)  # type: ignore[arg-type] # by name


class Wood:
    """ash judges; birch meets the needs of the service and cedar does not."""

    def __init__(self, folder: Path) -> None:
        mesh = FakeMesh()
        mail = Resource("Mail", "condition", 1)
        self.ash, self.birch, self.cedar = (
            mesh.add(node, folder, resources=found)
            for node, found in ((ASH, ()), (BIRCH, (mail,)), (CEDAR, ()))
        )

    def says(self, node: FakeNode, said: Order, by: NodeId = ASH) -> None:
        packed = FakeWords(by).say(KIND, said.content())
        node.publish(Key("default", NAME).fact, packed, lasting=True)

    def why_not(self, asker: NodeId = BIRCH, key: SecretKey = MAIL, service: str = NAME) -> str:
        return why_not(self.ash, asker, service, key)


@pytest.fixture
def wood(tmp_path: Path) -> Wood:
    return Wood(tmp_path)


def test_a_node_that_runs_the_service_may_have_what_that_names(wood: Wood) -> None:
    wood.says(wood.ash, order())

    assert wood.why_not() == ""
    assert wood.why_not(key=MAIL._replace(name="other")) == ""


def test_an_order_that_may_not_run_here_is_judged_all_the_same(wood: Wood) -> None:
    """Who keeps a secret need not run others' code to give it to those who do."""
    wood.ash.words.strangers.add(CEDAR)
    wood.says(wood.ash, order(by=CEDAR), by=CEDAR)

    assert wood.why_not() == ""


def test_all_others_may_not(wood: Wood) -> None:
    assert "no such service" in wood.why_not()
    wood.says(wood.ash, order())
    told = {
        "does not run on that node": wood.why_not(CEDAR),
        "does not run on that node ": wood.why_not(NodeId("d" * 32)),
        "belongs to project default": wood.why_not(key=MAIL._replace(project="vision")),
        "does not name it": wood.why_not(key=MAIL._replace(name="third")),
        "no such service": wood.why_not(service="other"),
        "no such service ": wood.why_not(key=MAIL._replace(tenant="theirs")),
    }
    for why, said in told.items():
        assert why.strip() in said


@pytest.mark.parametrize("wanted", ["stopped", "removed"])
def test_what_is_wanted_no_more_has_no_right_whoever_still_holds_the_order(
    wood: Wood, wanted: str
) -> None:
    wood.says(wood.birch, order())
    wood.says(wood.ash, order(number=2, wanted=wanted))

    assert wood.why_not() == f"the service mailer is {wanted}"


def test_a_revision_before_keeps_its_right_and_a_later_one_gives_none_of_its_own(
    wood: Wood,
) -> None:
    pushed = order().pushed(ASH, "1" * 64, "Mail == 1", 10.0, secrets=("third",))
    wood.says(wood.ash, pushed)

    assert [wood.why_not(key=MAIL._replace(name=name)) for name in ("mail", "third")] == ["", ""]
    back = pushed.returned(ASH, pushed.past[0], 11.0, "")
    assert back.revision.secrets == ("mail", "other")


def test_words_that_are_no_orders_count_for_nothing(wood: Wood) -> None:
    fact = Key("default", NAME).fact
    for value in (b"\xc1", FakeWords(ASH).say(KIND, {}), FakeWords(ASH).say("other", {})):
        wood.cedar.publish(fact, value)
        assert "no such service" in wood.why_not()
    other = replace(order(number=9), key=Key("default", "another"))
    wood.cedar.publish(fact, FakeWords(CEDAR).say(KIND, other.content()))
    assert "no such service" in wood.why_not()


async def test_code_that_names_more_than_its_order_is_refused(wood: Wood) -> None:
    secrets = ServiceSecrets(wood.ash, Key("default", NAME))
    with pytest.raises(ConfigError, match="names secrets that its order does not"):
        await secrets.bring("default", order().revision, Manifest(secrets=("mail", "fourth")))
    assert await secrets.values("default", ()) == {}


def test_a_manifest_names_secrets_in_its_list_and_its_environment() -> None:
    told = read_manifest("secrets: [mail]\nenvironment: {KEY: 'secret://api', LEVEL: info}\n")

    assert told.secrets == ("mail", "api")
    for text, why in (
        ("secrets: [Upper]", "no secret can be called so"),
        ("environment: {KEY: 'secret://../x'}", "environment.KEY: no secret can be called so"),
        (f"secrets: {[f'a{number}' for number in range(40)]}", "more than 32 secrets"),
        ("secrets: mail", "expected a list"),
        ("kind: task\nfunctions: ['a:b']\nsecrets: [mail]", "a task has no such thing"),
    ):
        with pytest.raises(ConfigError, match=why):
            read_manifest(text)


def test_orders_hold_names_of_secrets_and_nothing_else_there() -> None:
    from cantor.base.errors import RemoteProtocolError
    from cantor.services.orders import order_from

    content = order().content()
    assert order_from(content, ASH) == order()
    revision = cast("dict[str, Value]", content["revision"])
    for odd in ("mail", ["No"], [7], ["a"] * 40, {"mail": 1}):
        with pytest.raises(RemoteProtocolError, match="secrets"):
            order_from({**content, "revision": {**revision, "secrets": cast("Value", odd)}}, ASH)
    del revision["secrets"]  # of a version that knows none
    assert order_from(content, ASH).revision.secrets == ()


NAMING = "name: counter\nhealth: {{hold: 50ms}}\nenvironment: {{KEY: secret://{name}}}\n"


def read_by(process: FakeProcess) -> bytes:
    """What a process finds at the path in its environment; it is this one, while that runs."""
    return Path(process.environment["KEY"]).read_bytes()


async def test_each_revision_is_given_its_own_secrets_and_again_when_it_is_returned_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = Boxes(tmp_path, monkeypatch)
    await boxes.start("ash")
    secrets = cast("Secrets", boxes.mesh.nodes[IDS[0]].services["secrets"])
    keys = {name: SecretKey("default", "default", name) for name in ("one", "two")}
    started = FakeProcess.started["ash"]
    for name, key in keys.items():
        await secrets.set(key, name.encode(), "me")

    await boxes.push("ash", CALM, NAMING.format(name="one"))
    await boxes.until("ash", ash=("running", 1))
    assert read_by(started[-1]) == b"one"
    assert "one" not in started[-1].environment["KEY"]

    await secrets.set(keys["one"], b"next", "me")
    await boxes.until_true(lambda: len(started) == 2 and not started[0].is_alive)
    assert read_by(started[-1]) == b"next"

    await boxes.push("ash", BROKEN, NAMING.format(name="two"))
    await boxes.until("ash", ash=("returned", 1))
    before = len(started)
    next(one for one in started if one.is_alive).crash(1)
    await boxes.until_true(lambda: len(started) > before and started[-1].is_alive)
    assert read_by(started[-1]) == b"next"
    await boxes.close()
