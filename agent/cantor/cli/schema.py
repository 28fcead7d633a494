"""``cantor schema``: JSON Schemas of the files that people write, for editors to complete them.

A layer above registers a kind of file in the entry-point group ``cantor.schemas``: a name and a
function without arguments that returns the schema. Exit codes: 0 done, 2 no such name, or a file
that cannot be written.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.base.program import parts
from cantor.cli.table import format_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Schema = dict[str, Any]
    Makers = Mapping[str, Callable[[], Schema]]

SCHEMA_GROUP = "cantor.schemas"
FILE_ENDING = ".schema.json"


def register(verbs: Verbs, makers: Callable[[], Makers] | None = None) -> None:
    """Add the verb; ``makers`` gives the schemas, by default those of this installation."""
    found = makers or installed
    schema = verbs.add_parser("schema", help="JSON Schemas of the files that people write")
    actions = schema.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every kind of file that has a schema")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=lambda options: _list(found(), as_json=options.json))
    show = actions.add_parser("show", help="print one schema; it is JSON")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=lambda options: _show(found(), options.name))
    write = actions.add_parser("write", help="write every schema into a folder, for an editor")
    write.add_argument("folder", type=Path, metavar="FOLDER")
    write.set_defaults(run=lambda options: _write(found(), options.folder))


def installed() -> Makers:
    """What makes each schema of this installation, by name."""
    return {
        point.name: getattr(import_module(point.module), point.attr)
        for point in parts(SCHEMA_GROUP)
    }


def _list(makers: Makers, *, as_json: bool) -> int:
    kinds = [(name, str(make().get("title", ""))) for name, make in makers.items()]
    if as_json:
        print(json.dumps([{"name": name, "title": title} for name, title in kinds], indent=1))
    else:
        print(format_table(("NAME", "WHAT IT DESCRIBES"), kinds))
    return 0


def _show(makers: Makers, name: str) -> int:
    if name not in makers:
        raise ConfigError(
            "no such schema", where=repr(name[:64]), remedy="cantor schema list names them"
        )
    print(_text(makers[name]()))
    return 0


def _write(makers: Makers, folder: Path) -> int:
    for name, make in makers.items():
        path = folder / (name + FILE_ENDING)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(make()) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"cannot be written: {error.strerror}",
                where=str(path),
                remedy="name a folder that you may write to",
            ) from error
        print(path)
    return 0


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
