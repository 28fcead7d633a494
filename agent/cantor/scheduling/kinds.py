"""Do needs fit the kinds of what nodes have: text, numbers, sizes, what is taken and what is not.

A name that no node has is no mistake here: it may come, and ``reach`` tells what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.text import printable
from cantor.scheduling.expression import Among, Compare, Flag, Number, Take, Text, conditions
from cantor.scheduling.lexer import error_at
from cantor.scheduling.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cantor.base.resources import Resource
    from cantor.scheduling.expression import Condition, Literal
    from cantor.scheduling.needs import Needs

SHOWN_CHARACTERS = 40


def check_kinds(source: str, needs: Needs, resources: Iterable[Resource]) -> None:
    """Hold ``needs``, read from the text ``source``, against all ``resources`` of the mesh.

    Raises:
        ExpressionError: a condition can never hold, whatever its number is: it takes what is no
            quantity, or compares text with a number, or counts bytes of what has none. The message
            points at it.
    """
    known: dict[str, list[Resource]] = {}
    for resource in resources:
        known.setdefault(resource.name, []).append(resource)
    for leaf in conditions(needs.expression) if needs.expression is not None else ():
        there = [] if leaf.name.is_label else known.get(leaf.name.text, [])
        if there and (mistake := _mistake(leaf, there)):
            raise error_at(source, leaf.column, *mistake)


def _mistake(leaf: Condition, there: Sequence[Resource]) -> tuple[str, str] | None:
    """What is wrong with a condition, and what to write."""
    name = leaf.name.text
    if isinstance(leaf, Take):
        if all(one.kind == "condition" for one in there):
            return f"{name} is a condition and cannot be taken", f"compare it: {name} == 1"
        return _of_bytes(name, leaf.amount, [one for one in there if one.kind == "quantity"])
    literals = leaf.literals if isinstance(leaf, Among) else (leaf.literal,)
    found = [_against(name, literal, there) for literal in literals]
    if isinstance(leaf, Compare) and leaf.operator == "!=":
        return found[0] if isinstance(leaf.literal, Number) and leaf.literal.unit else None
    return found[0] if all(found) else None


def _against(name: str, literal: Literal, there: Sequence[Resource]) -> tuple[str, str] | None:
    values = [one.value for one in there]
    texts = [value for value in values if isinstance(value, str)]
    if not texts:
        if isinstance(literal, Text):
            return f"{name} is a number, not text", f"write it without quotes: {name} == 1"
        return _of_bytes(name, literal, there)
    if len(texts) < len(values) or isinstance(literal, Text):
        return None
    shown = printable(texts[0])[:SHOWN_CHARACTERS]
    remedy = f'write text in quotes: {name} == "{shown}"'
    if isinstance(literal, Flag):
        is_flag = any(text in ("true", "false") for text in texts)
        return None if is_flag else (f'{name} is text ("{shown}"), not true or false', remedy)
    has_version = any(version_key(text) is not None for text in texts)
    if has_version and not (isinstance(literal, Number) and literal.unit):
        return None
    return f'{name} is text ("{shown}"), not a number', remedy


def _of_bytes(name: str, literal: Literal, there: Sequence[Resource]) -> tuple[str, str] | None:
    is_size = isinstance(literal, Number) and bool(literal.unit)
    if not is_size or any(one.unit for one in there):
        return None
    return f"{name} does not count bytes", f"write a number without a unit: {name} = 1"
