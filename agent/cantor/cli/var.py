"""``cantor var``: names and values that every node of the tenant has.

Exit codes: 0 done; 1 there is no such variable; 2 a wrong name, value or option; 69 no agent
answers here, there is no room for more, or the clock of this box is wrong; 74 the disk refuses;
75 the agent was started anew while watching.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cantor.base.ids import NodeId, short_name
from cantor.base.units import format_size
from cantor.cli.state_verbs import add_verb
from cantor.cli.table import format_table
from cantor.cli.value_text import as_json, shown, value_from

if TYPE_CHECKING:
    import argparse

    from cantor.state.variables import Variable, VariableChange

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Options = argparse.Namespace


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "names and values that every node has"
    var = verbs.add_parser("var", help=summary, description=summary)
    inner = var.add_subparsers(title="verbs", metavar="VERB", required=True)
    get = add_verb(inner, "get", "print the value of a variable", _get)
    put = add_verb(inner, "set", "set a variable on all nodes", _set)
    delete = add_verb(inner, "delete", "delete a variable on all nodes", _delete)
    for parser in (get, put, delete):
        parser.add_argument("name", metavar="NAME")
    put.add_argument("value", metavar="VALUE", help="JSON, else a text; - reads it")
    put.add_argument(
        "--text", action="store_true", help="take the value as text, also if it is JSON"
    )
    listed = add_verb(inner, "list", "the variables that begin so, with their values", _list)
    watch = add_verb(
        inner, "watch", "what becomes of variables that begin so, until Ctrl+C", _watch
    )
    watch.add_argument("--present", action="store_true", help="first all that is there")
    for parser in (listed, watch):
        parser.add_argument("prefix", metavar="PREFIX", nargs="?", default="")
    add_verb(inner, "status", "how many there are, and whose clocks are wrong", _status)


def _get(options: Options) -> int:
    from cantor.state.variables import variables

    found = variables.find(options.name)
    if found is None:
        print("null" if options.json else f"There is no variable {options.name!r}.")
        return 1
    print(_variable_json(found) if options.json else shown(found.value))
    return 0


def _set(options: Options) -> int:
    from cantor.state.variables import variables

    variables.set(options.name, value_from(options.value, is_text=options.text))
    print(json.dumps({"set": options.name}) if options.json else "Set.")
    return 0


def _delete(options: Options) -> int:
    from cantor.state.variables import variables

    was = variables.delete(options.name)
    if options.json:
        print(json.dumps({"deleted": was}))
    else:
        print("Deleted." if was else f"There is no variable {options.name!r}.")
    return 0 if was else 1


def _list(options: Options) -> int:
    from cantor.state.variables import variables

    found = variables.items(options.prefix)
    if options.json:
        for variable in found:
            print(_variable_json(variable))
        return 0
    rows = [
        (one.name, shown(one.value, is_cut=True), _time(one.at), short_name(NodeId(one.by)))
        for one in found
    ]
    print(format_table(("NAME", "VALUE", "SET", "BY"), rows) if rows else "No variables.")
    return 0


def _watch(options: Options) -> int:
    from cantor.state.variables import variables

    for change in variables.watch(options.prefix, with_present=options.present):
        if options.json:
            print(_change_json(change), flush=True)
            continue
        text = "deleted" if change.is_deleted else f"= {shown(change.value)}"
        missed = f"  ({change.missed} changes before it were missed)" if change.missed else ""
        print(f"{change.name} {text}{missed}", flush=True)
    return 0


def _status(options: Options) -> int:
    from cantor.state.variables import status

    told = status()
    if options.json:
        print(json.dumps(told, indent=1))
        return 0
    print(
        f"{told['variables']} variables, {format_size(told['bytes'])}; {told['deleted']} deleted"
        f" ones are remembered. Exchanged with {told['neighbours']} nodes."
    )
    for node, ahead_s in told["clocks"].items():
        way = "ahead" if ahead_s > 0 else "behind"
        print(f"The clock of {short_name(NodeId(node))} is {abs(ahead_s):.0f} s {way}: set it.")
    return 0


def _variable_json(one: Variable) -> str:
    return _json(name=one.name, value=one.value, at=one.at, by=one.by)


def _change_json(change: VariableChange) -> str:
    return _json(
        name=change.name, value=change.value, at=change.at, by=change.by,
        deleted=change.is_deleted, missed=change.missed,
    )  # fmt: skip


def _json(**fields: Any) -> str:  # noqa: ANN401 (values)
    return "{" + ", ".join(f'"{name}": {as_json(value)}' for name, value in fields.items()) + "}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
