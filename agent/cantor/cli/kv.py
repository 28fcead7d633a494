"""``cantor kv``: keys and values that nodes keep.

Exit codes: 0 done; 1 there is no such key; 2 no such node, or a wrong option; 69 no agent answers
here, or the node cannot be reached; 74 its disk refuses; 75 the key is not as expected.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cantor.base.units import format_size
from cantor.cli.state_verbs import add_verb
from cantor.cli.table import format_table
from cantor.cli.value_text import as_json, shown, value_from

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from cantor.state.keys import Change, Entry, Keys

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Options = argparse.Namespace


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "keys and values that nodes keep for the programs of the mesh"
    kv = verbs.add_parser("kv", help=summary, description=summary)
    inner = kv.add_subparsers(title="verbs", metavar="VERB", required=True)
    get = _verb(inner, "get", "print the value of a key", _get)
    get.add_argument("key", metavar="KEY")
    put = _verb(inner, "set", "set a key", _set)
    put.add_argument("key", metavar="KEY")
    put.add_argument("value", metavar="VALUE", help="JSON, else a text; - reads it")
    put.add_argument(
        "--text", action="store_true", help="take the value as text, also if it is JSON"
    )
    delete = _verb(inner, "delete", "delete a key", _delete)
    delete.add_argument("key", metavar="KEY")
    for parser in (put, delete):
        parser.add_argument(
            "--expect", type=int, metavar="REVISION",
            help="only if it has this revision; 0: only if it is not there",
        )  # fmt: skip
    create = _verb(inner, "create", "let a new store be kept on several nodes", _create)
    create.add_argument(
        "--replicas", type=int, required=True, metavar="N",
        help="2: the loss of either loses nothing; 3 and more: a majority goes on by itself",
    )  # fmt: skip
    listed = _verb(inner, "list", "the keys that begin so, with their values", _list)
    watch = _verb(inner, "watch", "what becomes of keys that begin so, until Ctrl+C", _watch)
    watch.add_argument("--present", action="store_true", help="first all that is there")
    for parser in (listed, watch):
        parser.add_argument("prefix", metavar="PREFIX", nargs="?", default="")
    _verb(inner, "stores", "the stores of a node, with what they hold", _stores)


def _verb(
    verbs: Verbs, name: str, summary: str, run: Callable[[Options], int]
) -> argparse.ArgumentParser:
    parser = add_verb(verbs, name, summary, run, node="where it is kept")
    if name != "stores":
        parser.add_argument(
            "--store", default="default", metavar="NAME", help="which of its stores"
        )
    return parser


def _keys(options: Options) -> Keys:
    from cantor.state.keys import Keys

    return Keys(options.node, options.store)


def _get(options: Options) -> int:
    entry = _keys(options).entry(options.key)
    if entry is None:
        print("null" if options.json else f"There is no key {options.key!r}.")
        return 1
    print(_entry_json(entry) if options.json else shown(entry.value))
    return 0


def _set(options: Options) -> int:
    value = value_from(options.value, is_text=options.text)
    revision = _keys(options).set(options.key, value, expect=options.expect)
    print(json.dumps({"revision": revision}) if options.json else f"Set, revision {revision}.")
    return 0


def _create(options: Options) -> int:
    _keys(options).create(replicas=options.replicas)
    if options.json:
        print(json.dumps({"store": options.store, "replicas": options.replicas}))
    else:
        print(f"{options.store} is kept on {options.replicas} nodes.")
    return 0


def _delete(options: Options) -> int:
    was = _keys(options).delete(options.key, expect=options.expect)
    if options.json:
        print(json.dumps({"deleted": was}))
    else:
        print("Deleted." if was else f"There is no key {options.key!r}.")
    return 0 if was else 1


def _list(options: Options) -> int:
    entries = _keys(options).items(options.prefix)
    if options.json:
        for entry in entries:
            print(_entry_json(entry))
        return 0
    rows = [
        (one.key, shown(one.value, is_cut=True), str(one.revision), _time(one.at))
        for one in entries
    ]
    print(format_table(("KEY", "VALUE", "REVISION", "SET"), rows) if rows else "No keys.")
    return 0


def _watch(options: Options) -> int:
    for change in _keys(options).watch(options.prefix, with_present=options.present):
        if options.json:
            print(_change_json(change), flush=True)
        elif change.is_deleted:
            print(f"{shown(change.key)} deleted", flush=True)
        else:
            print(f"{shown(change.key)} = {shown(change.value)}", flush=True)
    return 0


def _stores(options: Options) -> int:
    from cantor.state.keys import stores

    rows = stores(options.node)
    if options.json:
        print(
            json.dumps([{"store": name, "keys": keys, "bytes": size} for name, keys, size in rows])
        )
    elif rows:
        table = [(name, str(keys), format_size(size)) for name, keys, size in rows]
        print(format_table(("STORE", "KEYS", "SIZE"), table))
    else:
        print("No stores.")
    return 0


def _entry_json(entry: Entry) -> str:
    return _json(key=entry.key, value=entry.value, revision=entry.revision, at=entry.at)


def _change_json(change: Change) -> str:
    return _json(
        key=change.key, value=change.value, revision=change.revision, at=change.at,
        deleted=change.is_deleted,
    )  # fmt: skip


def _json(**fields: Any) -> str:  # noqa: ANN401 (values)
    return "{" + ", ".join(f'"{name}": {as_json(value)}' for name, value in fields.items()) + "}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
