"""``cantor completion``: a script by which a shell completes the verbs and options there are."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_BASH = """\
_cantor() {{
  local word at="" words="" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
{walk}
  done
{words}
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _cantor cantor"""
_ZSH = """\
#compdef cantor
_cantor() {{
  local word at="" words_here="" before="${{words[CURRENT-1]}}"
  for word in "${{(@)words[2,CURRENT-1]}}"; do
{walk}
  done
{words}
  compadd -- ${{=words_here}} || _files
}}
if [[ "$funcstack[1]" == _cantor ]]; then
  _cantor "$@"
else
  (( $+functions[compdef] )) || {{ autoload -U compinit && compinit }}
  compdef _cantor cantor
fi"""


@dataclass(frozen=True, slots=True)
class _Verb:
    """What may follow one verb: verbs below it and words to choose from, and its options.

    ``values`` holds, for each option that takes one, the words to choose from; none for a free one.
    """

    path: tuple[str, ...]
    words: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return "".join(f" {verb}" for verb in self.path)


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
    tree = list(_tree(parser, ()))
    if shell == "fish":
        return _fish(tree)
    if shell == "zsh":
        return _ZSH.format(walk=_walk(tree), words=_words(tree, "words_here"))
    return _BASH.format(walk=_walk(tree), words=_words(tree, "words"))


def _tree(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[_Verb]:
    here = _Verb(path)
    below: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        flags = [flag for flag in action.option_strings if flag.startswith("--")]
        choices = [str(choice) for choice in action.choices or ()]
        here.flags.extend(flags)
        if isinstance(action, argparse._SubParsersAction):
            choices = [verb.dest for verb in action._choices_actions]  # what the help tells
            below.update({verb: action.choices[verb] for verb in choices})
        if not flags:
            here.words.extend(choices)
        elif action.nargs != 0:
            here.values.update(dict.fromkeys(flags, choices))
    yield here
    for verb, child in below.items():
        yield from _tree(child, (*path, verb))


def _walk(tree: list[_Verb]) -> str:
    """Follow the words before the cursor down the verbs."""
    places = "|".join(f'"{verb.place}"' for verb in tree if verb.path)
    return f'    case "$at $word" in\n      {places}) at="$at $word" ;;\n    esac'


def _words(tree: list[_Verb], name: str) -> str:
    """Choose the words for the verb, or for the option that stands before the cursor."""
    lines = ['  case "$at" in']
    lines += [f'    "{v.place}") {name}="{" ".join(v.words + v.flags)}" ;;' for v in tree]
    lines += ["  esac", '  case "$at $before" in']
    for verb in tree:
        for flag, words in verb.values.items():
            lines.append(f'    "{verb.place} {flag}") {name}="{" ".join(words)}" ;;')
    return "\n".join([*lines, "  esac"])


def _fish(tree: list[_Verb]) -> str:
    lines = ["complete -c cantor -n __fish_use_subcommand -f"]
    for verb in tree:
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in verb.path)
        when = seen or "__fish_use_subcommand"
        if verb.words:
            words = " ".join(verb.words)
            unless = f"{seen}; and not __fish_seen_subcommand_from {words}" if seen else when
            lines.append(f"complete -c cantor -f -n '{unless}' -a '{words}'")
        for flag in verb.flags:
            choices = verb.values.get(flag)
            takes = "" if choices is None else f" -x -a '{' '.join(choices)}'" if choices else " -r"
            lines.append(f"complete -c cantor -n '{when}' -l {flag[2:]}{takes}")
    return "\n".join(lines)
