"""The page of every verb of ``cantor``, from the parsers that read the command line."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from docs.generate.markdown import code, fenced, page, table

from cantor.cli.main import build_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXIT_CODES = re.compile(r"Exit codes?: (.+?)(?:\"\"\"|\n\n|\Z)", re.DOTALL)


def command_line() -> str:
    """The page."""
    parts = [
        "Every verb of this version. `cantor VERB --help` prints the same in a terminal. Verbs that"
        " print data have `--json`. What each exit code means is on the page"
        " [errors and exit codes](errors.md)."
    ]
    for path, parser, summary in verbs():
        parts.append(_verb(path, parser, summary))
    return page("Command line", *parts)


def verbs() -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Each verb with its parser and its one line, a verb before those under it."""
    yield from _below("cantor", build_parser())


def _below(
    path: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, child in action.choices.items():
            if name not in summaries:
                continue  # a verb without a summary is for programs only
            yield f"{path} {name}", child, summaries[name]
            yield from _below(f"{path} {name}", child)


def _verb(path: str, parser: argparse.ArgumentParser, summary: str) -> str:
    depth = path.count(" ")
    parts = [f"{'#' * (depth + 1)} `{path}`", summary[:1].upper() + summary[1:] + "."]
    usage = re.sub(r"\s+", " ", parser.format_usage()).removeprefix("usage: ").strip()
    # A group of verbs does nothing by itself.
    if parser.get_default("run") is not None:
        parts += [fenced(usage.replace("[-h] ", "").replace(" [-h]", ""))]
        parts += [table(("argument", "meaning", "default"), _arguments(parser))]
    codes = _exit_codes(parser)
    if codes and depth == 1:
        parts.append(f"Exit codes: {codes}")
    return "\n\n".join(part for part in parts if part)


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = "" if action.nargs == 0 or not action.option_strings else f" {_metavar(action)}"
        meaning = (action.help or "").replace("%(default)s", "")
        meaning = re.sub(r"\s*\(default:[^)]*\)", "", meaning)
        choices = ", ".join(str(choice) for choice in action.choices or ())
        told = "; ".join(part for part in (meaning, choices and f"one of {choices}") if part)
        yield code(names + value), told, _default(action)


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()


def _default(action: argparse.Action) -> str:
    """The default, without the machine on which this page is made."""
    if action.dest == "data":
        return "`$CANTOR_HOME`, see [settings](settings.md)"
    if action.dest == "name" and "host" in (action.help or "") + str(action.default):
        return "the host name"
    if action.default in (None, False, "", [], argparse.SUPPRESS) or action.nargs == 0:
        return ""
    import platform

    return "the host name" if action.default == platform.node() else code(action.default)


def _exit_codes(parser: argparse.ArgumentParser) -> str:
    """What the module that registers a verb says about exit codes."""
    run = parser.get_default("run")
    for action in parser._actions:
        if run is None and isinstance(action, argparse._SubParsersAction):
            run = next(iter(action.choices.values())).get_default("run")
    if run is None:
        return ""
    module = sys.modules[run.__module__]
    texts = [module.__doc__ or "", getattr(getattr(module, "register", None), "__doc__", "") or ""]
    found = next(filter(None, (_EXIT_CODES.search(text) for text in texts)), None)
    if found is None:
        return ""
    return re.sub(r":mod:`([^`]+)`", r"`\1`", " ".join(found[1].split()))
