from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import LocalProtocolError
from cantor.node.lasting import LASTING_FACTS_MAX, LastingFacts
from cantor.node.memory import NodeMemory

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.mesh.events import LocalFact


def kept(folder: Path) -> dict[str, object]:
    return dict(NodeMemory(folder).lasting_facts())


def test_what_is_said_is_said_again_by_the_next_life(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path)
    said: list[LocalFact] = []
    facts = LastingFacts(memory, said.append)
    facts.say("a", 1)
    facts.say("b", 2)
    facts.say("a", None)
    memory.close()

    again: list[LocalFact] = []
    LastingFacts(NodeMemory(tmp_path), again.append).say_all()
    assert [(fact.name, fact.value, fact.lasting) for fact in again] == [("b", 2, True)]


def test_a_fact_that_the_ledger_refuses_is_not_kept(tmp_path: Path) -> None:
    def refuse(fact: LocalFact) -> None:
        raise LocalProtocolError("too many facts or bytes", where=fact.name)

    memory = NodeMemory(tmp_path)
    facts = LastingFacts(memory, refuse)
    with pytest.raises(LocalProtocolError):
        facts.say("a", 1)
    memory.close()
    assert kept(tmp_path) == {}


def test_a_node_keeps_a_part_of_its_share_for_itself(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path)
    facts = LastingFacts(memory, lambda _: None)
    for number in range(LASTING_FACTS_MAX):
        facts.say(str(number), number)
    with pytest.raises(LocalProtocolError, match="as many as it may"):
        facts.say("one more", 1)
    facts.say("0", "a new value")
    facts.say("1", None)
    facts.say("one more", 1)
    memory.close()
    assert len(kept(tmp_path)) == LASTING_FACTS_MAX


def test_a_kept_fact_for_which_there_is_no_room_does_not_end_the_start(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path)
    memory.remember_lasting_facts({"a": 1, "b": 2})
    memory.close()
    said: list[str] = []

    def post(fact: LocalFact) -> None:
        if fact.name == "a":
            raise LocalProtocolError("too many facts or bytes")
        said.append(fact.name)

    LastingFacts(NodeMemory(tmp_path), post).say_all()
    assert said == ["b"]
    assert kept(tmp_path) == {"a": 1, "b": 2}
