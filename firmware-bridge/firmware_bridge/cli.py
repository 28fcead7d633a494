"""``cantor bridge``: the constrained devices behind this box, and the files that describe them.

Exit codes: 0 done; 2 a file is wrong, also the one that the agent was given; 69 no agent answers;
74 no such device. A device to try it with: ``python -m firmware_bridge.simulated --help``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import ConfigError, DeviceError
from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask
from firmware_bridge.service import CALL

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(subparsers: Verbs) -> None:
    """Add the verb ``bridge``."""
    bridge = subparsers.add_parser("bridge", help="constrained devices behind this box")
    actions = bridge.add_subparsers(title="actions", metavar="ACTION", required=True)
    add_folder_option(
        _action(actions, "list", "the devices and their newest readings", _list), asks=True
    )
    showing = _action(actions, "show", "everything known about one device", _show)
    showing.add_argument("device", help="its id or name, or the beginning of its id")
    add_folder_option(showing, asks=True)
    checking = _action(actions, "validate", "check a bridge.yaml or a device descriptor", _validate)
    checking.add_argument("file", type=Path)
    schema = _action(actions, "schema", "print a JSON Schema; with and without --json", _schema)
    schema.add_argument(
        "kind", nargs="?", choices=("device", "bridge"), default="device", help="of which file"
    )


def _action(
    actions: Verbs, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _list(options: argparse.Namespace) -> int:
    about = _ask(options.data)
    failed = about["state"] == "failed"
    if options.json:
        _print_json(about)
        return ConfigError.exit_code if failed else 0
    if failed:
        raise ConfigError(about["reason"], remedy="mend the file, then start the agent again")
    if about["state"] == "off":
        _print("This agent has no bridge.yaml: nothing behind it is looked for.")
        return 0
    because = f": {about['reason']}" if about["reason"] else ""
    _print(f"Broker {about['broker']} {about['state']}{because}")
    rows = [
        (one["state"], one["kind"], one["id"], _readings(one), _given(one), _when(one["heard_at"]))
        for one in about["devices"]
    ]
    if rows:
        _print(format_table(("STATE", "KIND", "ID", "READINGS", "GIVES", "HEARD"), rows))
    _print_problems(about["problems"])
    return 0


def _show(options: argparse.Namespace) -> int:
    about = _ask(options.data)
    device = _find(about["devices"], options.device)
    problems = [one for one in about["problems"] if one["device"] == device["id"]]
    if options.json:
        _print_json(device | {"problems": problems})
        return 0
    because = f": {device['reason']}" if device["reason"] else ""
    rows = [
        ("id", device["id"]),
        ("kind", device["kind"]),
        ("name", device["name"]),
        ("path", device["path"]),
        ("state", device["state"] + because),
        ("gives", _given(device)),
        ("heard", _when(device["heard_at"])),
        ("boot", "-" if device["boot"] is None else str(device["boot"])),
        ("gone after", f"{device['liveness_s']:g} s of silence"),
        *((f"  {name}", _reading(one)) for name, one in device["readings"].items()),
        *((f"  {name}", str(count)) for name, count in device["counts"].items()),
    ]
    _print(format_table(("WHAT", "VALUE"), rows))
    _print_problems(problems)
    return 0


def _validate(options: argparse.Namespace) -> int:
    from firmware_bridge.settings import find_problems

    errors = [str(error) for error in find_problems(options.file)]
    if options.json:
        _print_json({"valid": not errors, "problems": errors})
    elif errors:
        sys.stderr.writelines(f"{error}\n" for error in errors)
    else:
        _print(f"{options.file}: it can be used")
    return ConfigError.exit_code if errors else 0


def _schema(options: argparse.Namespace) -> int:
    from firmware_bridge import descriptor, settings

    makers = {"bridge": settings.file_schema, "device": descriptor.file_schema}
    _print_json(makers[options.kind]())
    return 0


def _ask(folder: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", asyncio.run(ask(folder, CALL)))


def _find(devices: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    exact = [one for one in devices if wanted in (one["id"], one["device"])]
    found = exact or [one for one in devices if one["id"].startswith(wanted)]
    if len(found) != 1:
        what = "several devices fit" if found else "no such device"
        remedy = "cantor bridge list names every device"
        raise DeviceError(what, where=repr(wanted[:64]), remedy=remedy)
    return found[0]


def _readings(device: dict[str, Any]) -> str:
    texts = [
        f"{name} {one['value']} {one['unit']}".rstrip() for name, one in device["readings"].items()
    ]
    return ", ".join(texts) or "-"


def _reading(reading: dict[str, Any]) -> str:
    kept = " (kept by the broker)" if reading["heard_at"] is None else ""
    return f"{reading['value']} {reading['unit']}".rstrip() + kept


def _given(device: dict[str, Any]) -> str:
    texts = [
        f"{one['name']} {'==' if one['kind'] == 'condition' else '='} {one['value']}"
        for one in device["provides"]
    ]
    return ", ".join(texts) or "-"


def _when(heard_at: float | None) -> str:
    if heard_at is None:
        return "-"
    return datetime.fromtimestamp(heard_at, UTC).isoformat(sep=" ", timespec="seconds")


def _print_problems(problems: Sequence[dict[str, Any]]) -> None:
    if problems:
        rows = [
            (str(one["count"]), one["device"] or one["channel"], one["what"], one["example"])
            for one in problems
        ]
        _print("\nMessages that could not be used:")
        _print(format_table(("COUNT", "DEVICE", "WHAT", "EXAMPLE"), rows))


def _print_json(content: object) -> None:
    _print(json.dumps(content, indent=2, ensure_ascii=False))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
