"""How many workers there are and what each may take, as people write it in ``workers.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.base.text_file import read_text
from cantor.base.units import parse_size
from cantor.workers.sandbox.rules import Rules, rules_from, rules_schema
from cantor.workers.wear import Wear

if TYPE_CHECKING:
    from pathlib import Path

THREADS = 16
COUNT_MAX = 4096
_BYTES = "_bytes"
"""What a field of a size ends with; in a file it is written without, and with a unit."""
_SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Workers of one pool.

    At most ``workers`` busy processes (None: as many as there are processors), ``warm`` of which
    start without work, and ``threads`` busy threads in one more. A process is replaced after
    ``tasks_max`` tasks, and when it has nothing to do and holds more than ``memory_max_bytes``, or
    ``memory_growth_max_bytes`` more than before its first task. ``sandbox`` says how closed whose
    code runs.
    """

    workers: int | None = None
    warm: int = 0
    threads: int = THREADS
    tasks_max: int | None = None
    memory_max_bytes: int | None = None
    memory_growth_max_bytes: int | None = None
    sandbox: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        for one in fields(self):
            if one.name == _SANDBOX:
                continue
            value, least = getattr(self, one.name), int(one.name != "warm")
            if value is None and one.default is None:
                continue
            if type(value) is not int or value < least:
                raise ConfigError(
                    f"{value!r:.40} is no number from {least} on", where=one.name,
                    remedy=f"write {max(least, 2)}",
                )  # fmt: skip
            if one.name in ("workers", "warm", "threads") and value > COUNT_MAX:
                raise ConfigError(f"{value} are more than {COUNT_MAX}", where=one.name)

    @property
    def wear(self) -> Wear:
        """When a worker is replaced."""
        return Wear(self.tasks_max, self.memory_max_bytes, self.memory_growth_max_bytes)


def load_worker_settings(path: Path) -> WorkerSettings:
    """The settings in a ``workers.yaml``; what it leaves out is as by default.

    Raises:
        ConfigError: it cannot be read, has an unknown key, or a value that is of no use; the
            message names file, line and key.
    """
    from cantor.base.strict_yaml import StrictYaml  # most pools come without a file

    yaml = StrictYaml(read_text(path), str(path))
    content = {} if yaml.content is None else yaml.content
    if not isinstance(content, dict):
        raise ConfigError("is no list of keys and values", where=str(path),
                          remedy="write lines such as warm: 2")  # fmt: skip
    values: dict[str, Any] = {}
    for key, value in content.items():
        where = f"{path}:{yaml.line((key,))}: {key}"
        try:
            values |= _read(key, value)
        except (ConfigError, ValueError) as error:
            what, remedy = getattr(error, "what", str(error)), getattr(error, "remedy", "")
            raise ConfigError(what, where=where, remedy=remedy) from error
    return WorkerSettings(**values)


def _read(key: str, value: object) -> dict[str, Any]:
    """One line, checked."""
    names = {one.name.removesuffix(_BYTES): one.name for one in fields(WorkerSettings)}
    name = names.get(key)
    if name is None:
        raise ConfigError("no such key", remedy=f"keys are {', '.join(names)}")
    if name == _SANDBOX:
        return {name: rules_from(value)}
    told = {name: parse_size(str(value)) if name.endswith(_BYTES) else value}
    WorkerSettings(**told)  # type: ignore[arg-type]
    return told


def file_schema() -> dict[str, Any]:
    """JSON Schema of a ``workers.yaml``."""
    count = {"type": "integer", "minimum": 1, "maximum": COUNT_MAX}
    size = {"type": ["integer", "string"], "description": "Bytes, or a size such as 512MiB."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "workers.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "workers": {**count, "description": "Busy processes at most; default: processors."},
            "warm": {**count, "minimum": 0, "default": 0, "description": "Start without work."},
            "threads": {**count, "default": THREADS, "description": "Busy threads at most."},
            "tasks_max": {"type": "integer", "minimum": 1, "description": "Then it is replaced."},
            "memory_max": size,
            "memory_growth_max": size,
            _SANDBOX: rules_schema(),
        },
    }
