"""Secrets of some nodes in memory: who gets which, what is refused, and what is forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import msgpack
import pytest
from tests.unit.cantor.node.secrets.wood import (
    ASH,
    BIRCH,
    CEDAR,
    FIRST,
    MAIL,
    SECOND,
    Wood,
    claim,
)

from cantor.base.errors import (
    ConfigError,
    RemoteProtocolError,
    SecretError,
    UnavailableError,
)
from cantor.node.fake import FakeWords
from cantor.node.secrets import service
from cantor.node.secrets.giving import TOPIC
from cantor.node.secrets.records import KIND, Record, SecretKey
from cantor.node.secrets.values import KEY_KIND
from cantor.node.services import Message


async def test_a_node_that_names_it_has_it_and_the_next_version_by_itself(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST, who="me")
    birch = wood.secrets[BIRCH]
    heard = asyncio.Event()
    birch.on_change(heard.set)

    assert await birch.bring(claim()) == (("mail", 1, 1),)
    assert await birch.values(claim()) == {"mail": FIRST}
    assert wood.judged[-1][0] == BIRCH
    assert (ASH not in {one[0] for one in wood.judged}) == (len(wood.judged) > 0)

    await wood.call(CEDAR, "rotate", name="mail", value=SECOND)

    async with asyncio.timeout(20):
        await heard.wait()
    await wood.until(lambda: birch.state(claim()) == (("mail", 2, 2),))
    assert await birch.values(claim()) == {"mail": SECOND}
    (listed,) = await wood.call(ASH, "list")
    assert {row["node"]: row["version"] for row in listed["nodes"]} == {ASH: 1, BIRCH: 2, CEDAR: 2}
    assert [row["node"] for row in listed["nodes"] if row["is_current"]] == [BIRCH, CEDAR]
    assert FIRST not in msgpack.packb(listed)


async def test_what_nothing_names_any_more_is_erased_but_where_it_was_set(
    wood: Wood, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    birch = wood.secrets[BIRCH]
    await birch.bring(claim())
    file = wood.folder / "bbbb" / "secrets" / "default=mail"
    assert file.exists()
    await wood.until(lambda: set(birch.book.look()[MAIL].nodes) == {ASH, BIRCH})
    monkeypatch.setattr(service, "FORGET_S", 0.01)
    monkeypatch.setattr(service, "TICK_S", 0.02)

    birch.release("thing", "x")
    wood.mesh.tell()

    await wood.until(lambda: set(birch.book.look()[MAIL].nodes) == {ASH})
    assert not file.exists()
    assert wood.secrets[ASH].kept.keys() == {MAIL}


async def test_a_removed_one_is_erased_also_by_a_node_that_was_away(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    birch = wood.secrets[BIRCH]
    await birch.bring(claim())
    await wood.until(lambda: set(birch.book.look()[MAIL].nodes) == {ASH, BIRCH})
    await wood.stop(BIRCH)
    file = wood.folder / "bbbb" / "secrets" / "default=mail"

    shown = await wood.call(CEDAR, "remove", name="mail")

    assert {row["name"] for row in shown["nodes"] if not row["is_alive"]} == {"bbbbbbbb"}
    await wood.until(lambda: not wood.secrets[ASH].kept)
    ash = wood.secrets[ASH]
    await wood.until(lambda: not ash.book.look()[MAIL].nodes[ASH].is_kept)
    wood.mesh.tell()
    await wood.looked(ASH)
    assert ash.book.look()[MAIL].nodes.keys() >= {ASH, CEDAR}, "it outlives who removed it"
    assert await wood.call(ASH, "list") == []
    assert file.exists()
    birch = await wood.start(BIRCH)
    await wood.until(lambda: not file.exists())
    with pytest.raises(SecretError, match="there is no such secret"):
        await birch.bring(claim())
    await wood.call(BIRCH, "set", name="mail", value=SECOND)  # one that was removed comes again
    assert (await wood.call(ASH, "list"))[0]["version"] == 3


async def test_what_is_kept_is_enough_while_all_others_are_away(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    await wood.secrets[BIRCH].bring(claim())
    await wood.stop(BIRCH)
    await wood.stop(ASH)

    birch = await wood.start(BIRCH)

    await birch.bring(claim())
    assert await birch.values(claim()) == {"mail": FIRST}
    wood.mesh.kill(BIRCH)
    with pytest.raises(UnavailableError, match="no node that keeps it can be reached") as told:
        await wood.secrets[CEDAR].bring(claim())
    assert not isinstance(told.value, SecretError)
    assert "aaaaaaaa" in str(told.value)


async def test_an_earlier_version_is_used_while_who_has_the_next_is_away(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    birch = wood.secrets[BIRCH]
    await birch.bring(claim())
    wood.mesh.dead.add(BIRCH)
    await wood.call(CEDAR, "rotate", name="mail", value=SECOND)
    wood.mesh.kill(CEDAR)
    wood.mesh.revive(BIRCH)

    assert await birch.bring(claim()) == (("mail", 1, 2),)
    assert await birch.values(claim()) == {"mail": FIRST}
    wood.mesh.revive(CEDAR)
    await wood.until(lambda: birch.state(claim()) == (("mail", 2, 2),))


async def test_a_node_that_may_not_have_it_gets_nothing(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    wood.allowed = {BIRCH}  # each judges for itself: this is what ash says of cedar
    with pytest.raises(SecretError, match="it may not"):
        await wood.secrets[CEDAR].bring(claim())
    wood.secrets[CEDAR].judged_by("thing", lambda *_: "")
    with pytest.raises(SecretError, match="it may not") as told:
        await wood.secrets[CEDAR].bring(claim())
    assert "secret mail of project default" in str(told.value)
    assert wood.judged[-1] == (CEDAR, "x", MAIL)
    assert not (wood.folder / "cccc" / "secrets" / "default=mail").exists()
    assert await wood.secrets[BIRCH].bring(claim()) == (("mail", 1, 1),), (
        "nothing else is disturbed"
    )


async def test_the_same_name_in_another_project_is_another_secret(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)

    with pytest.raises(SecretError, match="secret mail of project vision: there is no such"):
        await wood.secrets[BIRCH].bring(claim(project="vision"))


async def test_a_node_of_another_tenant_gets_nothing_and_sets_nothing(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    wood.node(BIRCH).tenant = "theirs"
    with pytest.raises(RemoteProtocolError, match="another tenant"):
        await wood.ask(BIRCH, ASH)
    theirs = Record(SecretKey("theirs", "default", "mail"), 9, "kept", 1.0, "me", BIRCH)
    ours = replace(theirs, key=MAIL)
    wood.node(BIRCH).publish(theirs.key.fact, FakeWords(BIRCH).say(KIND, theirs.content()))
    wood.node(BIRCH).publish(
        MAIL.fact, FakeWords(BIRCH).say(KIND, {**ours.content(), "tenant": "x"})
    )

    assert [one["version"] for one in await wood.call(ASH, "list")] == [1]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "../keys"}, "asks for no secret"),
        ({"project": "A B"}, "asks for no secret"),
        ({"kind": 7}, "asks for no secret"),
        ({"about": "x" * 10_000}, "too long a name"),
        ({"kind": "other"}, "nothing of the kind other"),
        ({"name": "other"}, "not kept here"),
        ({"by": CEDAR}, "a sealing key of another node"),
        ({"key": b"short"}, "a sealing key of another node"),
        ({"key": bytes(32)}, "damaged"),
        ({"body": ()}, "no sealing key"),
        ({"body": (b"\xc1",)}, "no sealing key"),
    ],
)
async def test_what_a_node_should_not_send_is_refused(
    wood: Wood, changes: dict[str, Any], why: str
) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)

    with pytest.raises(RemoteProtocolError, match=why) as told:
        await wood.ask(BIRCH, ASH, **changes)

    assert "canary" not in str(told.value)
    assert len((await wood.ask(BIRCH, ASH, key=b"\x09" + bytes(31))).body) == 2


async def test_a_node_that_asks_too_often_is_slowed_down(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    asked = [wood.ask(BIRCH, ASH, name="other") for _ in range(200)]

    told = [str(one) for one in await asyncio.gather(*asked, return_exceptions=True)]

    assert sum("too much is asked for" in one for one in told) >= 100


async def test_an_older_version_than_what_holds_is_not_taken(wood: Wood) -> None:
    """A node keeps to the old value and says that it has the new one."""
    await wood.call(ASH, "set", name="mail", value=FIRST)
    await wood.secrets[BIRCH].bring(claim())
    old = wood.secrets[BIRCH].kept[MAIL]
    await wood.stop(BIRCH)
    await wood.call(ASH, "rotate", name="mail", value=SECOND)
    ash = wood.secrets[ASH]
    asked: list[object] = []

    async def replay(message: object) -> object:
        asked.append(message)
        return await ash._giving.answer(cast("Any", message))

    ash._giving._kept = lambda _: old
    wood.node(ASH).answer(TOPIC, cast("Any", replay))
    ash._store.sealed_for = lambda *_: b"box"  # type: ignore[method-assign]

    with pytest.raises(SecretError, match="an older version"):
        await wood.secrets[CEDAR].bring(claim())
    assert len(asked) == 1


async def test_words_that_do_not_hold_are_as_if_they_were_not_there(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    good = Record(MAIL, 5, "kept", 1.0, "me", BIRCH).content()
    for odd in (
        {**good, "version": 0}, {**good, "version": 2**60}, {**good, "version": True},
        {**good, "wanted": "odd"}, {**good, "who": 7}, {**good, "who": "x" * 1000},
        {**good, "at": -1.0}, {**good, "at": "now"}, {**good, "name": "other"}, {},
    ):  # fmt: skip
        wood.node(BIRCH).publish(MAIL.fact, FakeWords(BIRCH).say(KIND, cast("Any", odd)))
        assert [one["version"] for one in await wood.call(CEDAR, "list")] == [1]
    for value in (b"\xc1", "text", 7, [b""]):
        wood.node(BIRCH).publish(MAIL.fact, cast("Any", value))
        assert [one["version"] for one in await wood.call(CEDAR, "list")] == [1]


@pytest.mark.parametrize(
    ("verb", "args", "why"),
    [
        ("set", {"name": "mail", "value": SECOND}, "there is such a secret already"),
        ("set", {"name": "No", "value": SECOND}, "no secret can be called so"),
        ("set", {"name": "new", "value": b""}, "there is no value"),
        ("set", {"name": "new", "value": "text"}, "there is no value"),
        ("set", {"name": "new", "value": b"x" * 65_537}, "limit 65536"),
        ("set", {"name": "new", "value": SECOND, "project": "vision"}, "there is no project"),
        ("rotate", {"name": "new", "value": SECOND}, "has no such secret"),
        ("remove", {"name": "new"}, "has no such secret"),
    ],
)
async def test_what_people_ask_for_wrongly_is_told(
    wood: Wood, verb: str, args: dict[str, Any], why: str
) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)

    with pytest.raises(ConfigError, match=why) as told:
        await wood.call(BIRCH, verb, **args)

    assert "canary" not in str(told.value)


async def test_a_node_says_so_much_of_secrets_and_no_more(
    wood: Wood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SECRETS_MAX", 2)
    for name in ("one", "two"):
        await wood.call(ASH, "set", name=name, value=FIRST)

    with pytest.raises(UnavailableError, match="too many secrets"):
        await wood.call(ASH, "set", name="three", value=FIRST)

    await wood.call(ASH, "rotate", name="two", value=SECOND)
    await wood.call(BIRCH, "set", name="three", value=FIRST)


async def test_what_the_disk_has_lost_is_no_more_said_to_be_kept(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    await wood.stop(ASH)
    (wood.folder / "aaaa" / "secrets" / "default=mail").unlink()
    assert set(wood.secrets[BIRCH].book.look()[MAIL].nodes) == {ASH}

    await wood.start(ASH)

    await wood.until(lambda: MAIL not in wood.secrets[BIRCH].book.look())


async def test_what_was_given_does_not_take_the_place_of_what_was_set_meanwhile(wood: Wood) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    ash, birch = wood.secrets[ASH], wood.secrets[BIRCH]
    given = await ash._giving.answer(
        Message(BIRCH, {"project": "default", "name": "mail", "kind": "thing", "about": "x"},
                (FakeWords(BIRCH).say(KEY_KIND, {"key": birch._store.public_key()}),))
    )  # fmt: skip
    await wood.call(BIRCH, "rotate", name="mail", value=SECOND)

    await birch._take(ash.kept[MAIL], bytes(given.body[1]))

    assert birch.kept[MAIL].record.version == 2
    await birch.bring(claim())
    assert await birch.values(claim()) == {"mail": SECOND}


async def test_that_one_was_removed_is_told_for_a_year_and_then_forgotten(
    wood: Wood, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wood.call(ASH, "set", name="mail", value=FIRST)
    await wood.call(ASH, "remove", name="mail")
    assert not wood.secrets[ASH].book.look()[MAIL].record.is_kept
    monkeypatch.setattr(service, "TOMBSTONE_S", -1.0)

    wood.mesh.tell()

    await wood.until(lambda: MAIL not in wood.secrets[ASH].book.look())
