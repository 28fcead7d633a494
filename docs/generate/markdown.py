"""The few forms of Markdown that generated pages are made of."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTE = "<!-- Made from the code by docs/generate: change the code, not this page. -->\n\n"
_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
_SECTION = re.compile(r"^(Raises|Returns|Yields):\n((?:[ ]{4}.*(?:\n|$)|\n)+)", re.MULTILINE)


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return NOTE + "\n\n".join([f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; empty without rows."""
    lines = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if not lines:
        return ""
    head = "| " + " | ".join(header) + " |"
    return "\n".join([head, "|" + "---|" * len(header), *lines])


def code(value: object) -> str:
    """A value as inline code; empty stays empty."""
    text = str(value)
    return f"`{text}`" if text else ""


def fenced(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.strip(chr(10))}\n```"


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: roles become code, ``Raises:`` a list, doctests stay code."""
    text = _ROLE.sub(r"`\1`", inspect.cleandoc(docstring or "")).replace("``", "`")
    text = _SECTION.sub(_listed, text)
    blocks = []
    for block in text.split("\n\n"):
        is_code = block.startswith(">>>")
        blocks.append(fenced(block, "pycon") if is_code else block)
    return "\n\n".join(blocks)


def first_sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join(prose(docstring).split("\n\n", 1)[0].split())


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _listed(match: re.Match[str]) -> str:
    entries = re.split(r"\n(?=\S)", textwrap.dedent(match[2]).strip())
    lines = []
    for entry in entries:
        name, colon, rest = " ".join(entry.split()).partition(": ")
        lines.append(f"- `{name}`: {rest}" if colon else f"- {name}")
    return f"{match[1]}:\n\n" + "\n".join(lines) + "\n"
