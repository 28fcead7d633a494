"""``cantor completion``: a script by which a shell completes the verbs and options there are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Tree = dict[tuple[str, ...], tuple[list[str], list[str]]]

_BASH = """\
_cantor() {{
  local word at="" words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$at $word" in
      {paths}) at="$at $word" ;;
    esac
  done
  case "$at" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _cantor cantor"""
_ZSH = "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n"


def register(verbs: Verbs, build_parser: Callable[[], argparse.ArgumentParser]) -> None:
    """Add the verb; ``build_parser`` makes the whole command line that is to be completed."""
    completion = verbs.add_parser("completion", help="print a script that completes commands")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    completion.set_defaults(run=lambda options: _completion(options.shell, build_parser()))


def _completion(shell: str, parser: argparse.ArgumentParser) -> int:
    print(script(shell, parser))
    return 0


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script for ``bash``, ``zsh`` or ``fish``."""
    tree = _tree(parser, ())
    if shell == "fish":
        return _fish(tree)
    paths = "|".join(f'" {" ".join(path)}"' for path in tree if path)
    cases = "\n".join(
        f'    "{"".join(f" {verb}" for verb in path)}") words="{" ".join(verbs + flags)}" ;;'
        for path, (verbs, flags) in tree.items()
    )
    return (_ZSH if shell == "zsh" else "") + _BASH.format(paths=paths, cases=cases)


def _tree(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Tree:
    below: dict[str, argparse.ArgumentParser] = {}
    flags: list[str] = []
    for action in parser._actions:
        flags += [flag for flag in action.option_strings if flag.startswith("--")]
        if isinstance(action, argparse._SubParsersAction):
            below.update(action.choices)
    tree: Tree = {path: (list(below), flags)}
    for verb, child in below.items():
        tree.update(_tree(child, (*path, verb)))
    return tree


def _fish(tree: Tree) -> str:
    lines = ["complete -c cantor -n __fish_use_subcommand -f"]
    for path, (verbs, flags) in tree.items():
        seen = "; and ".join(f"__fish_seen_subcommand_from {verb}" for verb in path)
        when = seen or "__fish_use_subcommand"
        if verbs:
            words = " ".join(verbs)
            unless = f"{seen}; and not __fish_seen_subcommand_from {words}" if seen else when
            lines.append(f"complete -c cantor -f -n '{unless}' -a '{words}'")
        lines += [f"complete -c cantor -n '{when}' -l {flag[2:]}" for flag in flags]
    return "\n".join(lines)
