"""``service.yaml``: what a pushed folder says about how it is run. Everything in it is optional.

kind: service                    or task: functions that are submitted by name; or filter
name: counter                    what the service is called (default: the folder's name)
run: python main.py --fast       a line, or a list of words (default: python main.py)
needs: USBCamera == 1            where it can run, beside what ``--to`` says
restart: always                  or on-failure, or never
stop: 5s                         between SIGTERM and SIGKILL
health:
  ready: listening on            a text that it prints when it is ready; or
  http: 8080/health              a port, or the name of one, and a path; or
  command: [python, check.py]    which ends with 0 while it is well
  within: 30s                    it must be well after so long
  every: 5s                      how often http and command are asked
  hold: 10s                      so long it must stay well until it is good
environment: {LEVEL: info, KEY: secret://mail}    a secret: KEY names a file with it
secrets: [mail]                  further secrets that it may have: cantor.secret("mail")
ports: {http: 8080, debug: auto} told as CANTOR_PORT_HTTP; auto: the node chooses
requirements: [msgpack>=1.1]     wheels that go with it
ignore: ["*.log"]                files that stay here
functions: ["photos:shrink"]     of a task: each as module:name
filters: ["blur:Blur"]           of a filter: classes, each as module:Class
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, cast

from cantor.base.errors import ConfigError
from cantor.base.secret_names import NAMES_MAX, is_secret_name, named_in
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.strict_yaml import KeyPath, StrictYaml

FILE_NAME = "service.yaml"
DEFAULT_RUN = ("python", "main.py")
TEXT_MAX = 4096
LIST_MAX = 128
SECONDS_MAX = 24 * 3600.0
AUTO = 0
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_PORT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, None: 1.0}
FUNCTIONS_MAX = 64
FILTERS_MAX = 16
_FUNCTION = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
SERVICE: Final = "service"
TASK: Final = "task"
FILTER: Final = "filter"
KINDS = (SERVICE, TASK, FILTER)
Kind = Literal["service", "task", "filter"]
RESTARTS = ("always", "on-failure", "never")
Restart = Literal["always", "on-failure", "never"]


@dataclass(frozen=True, slots=True)
class Health:
    """How a service shows that it is well: at most one of ``ready``, ``http`` and ``command``.

    With none of them it is well while it runs, from ``GRACE_S`` after its start.
    """

    ready: str = ""
    http: str = ""
    command: tuple[str, ...] = ()
    within_s: float = 30.0
    every_s: float = 5.0
    hold_s: float = 10.0

    @property
    def http_target(self) -> tuple[str, str]:
        """Port (a number or a name) and path of ``http``."""
        port, _, path = self.http.partition("/")
        return port, f"/{path}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pushed folder is, and how it is run; a task has ``functions``: ``module:name``, and a
    filter has ``filters``: ``module:Class``.
    """

    name: str = ""
    run: tuple[str, ...] = DEFAULT_RUN
    needs: str = ""
    restart: Restart = "always"
    stop_s: float = 5.0
    health: Health = Health()
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kind: Kind = "service"
    functions: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """All that it may have: those that it lists, and those that its environment names."""

    @property
    def fixed_ports(self) -> frozenset[int]:
        """The ports that two revisions cannot have at the same time."""
        return frozenset(self.ports.values()) - {AUTO}


def read_manifest(text: str, where: str = FILE_NAME) -> Manifest:
    """The manifest in a text; ``where`` is the file that it stands in.

    Raises:
        ConfigError: it is no YAML, has an unknown key, or a value of the wrong shape; with the
            line.
    """
    from cantor.base.strict_yaml import (
        StrictYaml,  # YAML is half a megabyte: only where there is some
    )

    yaml = StrictYaml(text, where)
    if yaml.content is None:
        return Manifest()
    return _Reader(yaml, where).manifest()


def check_name(name: str, where: str) -> str:
    """A name that a service can have.

    Raises:
        ConfigError: it is none.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"not a name of a service: {name[:60]!r}",
            where=where,
            remedy="use up to 48 lower-case letters, digits and hyphens, or give --name",
        )
    return name


class _Reader:
    """Reads one mapping after the other; an error names the line of its key."""

    def __init__(self, yaml: StrictYaml, where: str) -> None:
        self._yaml = yaml
        self._where = where

    def manifest(self) -> Manifest:
        told = self._mapping((), _KEYS)
        base = Manifest()
        kind = self._kind(told)
        needs = self._text(told, "needs", ())
        if needs:
            self._checked_needs(needs)
        ports = {
            self._named(_PORT_NAME, key, ("ports", key)): self._port(value, ("ports", key))
            for key, value in self._mapping(("ports",)).items()
        }
        environment = self._environment()
        return Manifest(
            name=check_name(self._text(told, "name", ()), self._at(("name",)))
            if "name" in told
            else "",
            run=self._command(told.get("run", list(DEFAULT_RUN)), ("run",)),
            needs=needs,
            restart=cast("Restart", self._choice(told, "restart", RESTARTS)),
            stop_s=self._seconds(told, "stop", (), base.stop_s),
            health=self._health(ports),
            environment=environment,
            ports=ports,
            requirements=self._texts(told, "requirements"),
            ignore=self._texts(told, "ignore"),
            kind=kind,
            functions=self._named_in(told, kind, TASK),
            filters=self._named_in(told, kind, FILTER),
            secrets=self._secrets(told, environment),
        )

    def _kind(self, told: Mapping[str, object]) -> Kind:
        kind = cast("Kind", self._choice(told, "kind", KINDS))
        for key in told:
            if any(key in keys for other, keys in _ONLY_OF.items() if other != kind):
                raise self._error(f"a {kind} has no such thing", (key,))
        return kind

    def _named_in(self, told: Mapping[str, object], kind: Kind, of: Kind) -> tuple[str, ...]:
        """The functions of a task, or the classes of a filter."""
        key, example, at_most = _NAMING[of]
        named = self._texts(told, key)
        if kind == of and not 0 < len(named) <= at_most:
            raise self._error(
                f"a {of} names 1 to {at_most} {key}, as in {key}: [{example}]",
                (key,) if key in told else ("kind",),
            )
        names = [one.partition(":")[2] for one in named]
        for one, name in zip(named, names, strict=True):
            if not _FUNCTION.fullmatch(one):
                raise self._error(f"expected module:name, not {one[:60]!r}", (key,))
            if names.count(name) > 1:
                raise self._error(f"two {key} are called {name[:60]}", (key,))
        return named

    def _health(self, ports: Mapping[str, int]) -> Health:
        told = self._mapping(("health",), _HEALTH_KEYS)
        at: KeyPath = ("health",)
        kinds = [key for key in ("ready", "http", "command") if key in told]
        if len(kinds) > 1:
            raise self._error(f"{kinds[0]} and {kinds[1]} exclude each other", (*at, kinds[1]))
        http = self._text(told, "http", at)
        port = http.partition("/")[0]
        if http and port not in ports and not (port.isdigit() and 0 < int(port) < 65536):
            raise self._error(
                "expected a port, or the name of one, as in 8080/health", (*at, "http")
            )
        base = Health()
        command = told.get("command")
        return Health(
            ready=self._text(told, "ready", at),
            http=http,
            command=() if command is None else self._command(command, (*at, "command")),
            within_s=self._seconds(told, "within", at, base.within_s),
            every_s=max(0.1, self._seconds(told, "every", at, base.every_s)),
            hold_s=self._seconds(told, "hold", at, base.hold_s),
        )

    def _environment(self) -> dict[str, str]:
        at = "environment"
        told: dict[str, str] = {}
        for key, value in self._mapping((at,)).items():
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise self._error("expected a text", (at, key))
            told[self._named(_WORD, key, (at, key))] = str(value)[:TEXT_MAX]
        return told

    def _secrets(
        self, told: Mapping[str, object], environment: Mapping[str, str]
    ) -> tuple[str, ...]:
        at: dict[str, KeyPath] = dict.fromkeys(self._texts(told, "secrets"), ("secrets",))
        at |= {
            name: ("environment", key)
            for key, text in environment.items()
            if (name := named_in(text)) is not None
        }
        for name, path in at.items():
            if not is_secret_name(name):
                raise self._error("no secret can be called so", path)
        if len(at) > NAMES_MAX:
            raise self._error(f"more than {NAMES_MAX} secrets", ("secrets",))
        return tuple(at)

    def _mapping(self, path: KeyPath, known: tuple[str, ...] = ()) -> dict[str, object]:
        value: object = self._yaml.content
        for key in path:
            value = cast("dict[str, object]", value).get(str(key), {})
        if not isinstance(value, dict) or len(value) > LIST_MAX:
            raise self._error("expected keys with values", path)
        for key in value if known else ():
            if key not in known:
                raise ConfigError(
                    f"unknown key {key!r}",
                    where=self._at((*path, key)),
                    remedy=f"known are {', '.join(known)}",
                )
        return value

    def _text(self, told: Mapping[str, object], key: str, path: KeyPath) -> str:
        value = told.get(key, "")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._error("expected a text", (*path, key))
        if len(str(value)) > TEXT_MAX:
            raise self._error(f"longer than {TEXT_MAX} characters", (*path, key))
        return str(value)

    def _texts(self, told: Mapping[str, object], key: str) -> tuple[str, ...]:
        value = told.get(key, [])
        if not isinstance(value, list) or len(value) > LIST_MAX:
            raise self._error("expected a list", (key,))
        if not all(isinstance(one, str) and len(one) <= TEXT_MAX for one in value):
            raise self._error("expected a list of texts", (key,))
        return tuple(value)

    def _command(self, value: object, path: KeyPath) -> tuple[str, ...]:
        if isinstance(value, str):
            try:
                value = shlex.split(value)
            except ValueError as error:
                raise self._error(
                    f"a line that cannot be split into words: {error}", path
                ) from error
        if not isinstance(value, list) or not 0 < len(value) <= LIST_MAX:
            raise self._error("expected a line, or a list of words", path)
        words = tuple(str(word) for word in value if isinstance(word, str | int | float))
        if len(words) != len(value) or any(len(word) > TEXT_MAX or "\0" in word for word in words):
            raise self._error("expected a list of words", path)
        return words

    def _choice(self, told: Mapping[str, object], key: str, choices: tuple[str, ...]) -> str:
        value = told.get(key, choices[0])
        if value not in choices:
            raise self._error(f"expected one of {', '.join(choices)}", (key,))
        return str(value)

    def _seconds(
        self, told: Mapping[str, object], key: str, path: KeyPath, default_s: float
    ) -> float:
        value = told.get(key, default_s)
        match = _DURATION.fullmatch(str(value)) if not isinstance(value, bool) else None
        seconds = float(match[1]) * _UNITS[match[2]] if match else -1.0
        if not 0 <= seconds <= SECONDS_MAX:
            raise self._error("expected a time of at most a day, as in 30s or 2min", (*path, key))
        return seconds

    def _port(self, value: object, path: KeyPath) -> int:
        if value == "auto":
            return AUTO
        if type(value) is not int or not 0 < value < 65536:
            raise self._error("expected a port from 1 to 65535, or auto", path)
        return value

    def _named(self, form: re.Pattern[str], name: str, path: KeyPath) -> str:
        if not form.fullmatch(name):
            raise self._error(f"not a name: {name[:60]!r}", path)
        return name

    def _checked_needs(self, needs: str) -> None:
        try:
            parse(needs)
        except ConfigError as error:
            raise ConfigError(
                error.what, where=f"{self._at(('needs',))}: {error.where}", remedy=error.remedy
            ) from error

    def _at(self, path: KeyPath) -> str:
        return f"{self._where}:{self._yaml.line(path)}"

    def _error(self, what: str, path: KeyPath) -> ConfigError:
        key = ".".join(map(str, path))
        return ConfigError(f"{key}: {what}" if key else what, where=self._at(path))


_KEYS = (
    "kind", "name", "run", "needs", "restart", "functions", "filters",
    "stop", "health", "environment", "ports", "requirements", "ignore", "secrets",
)  # fmt: skip
_HEALTH_KEYS = ("ready", "http", "command", "within", "every", "hold")
_ONLY_OF = {
    SERVICE: ("run", "restart", "stop", "health", "environment", "ports", "secrets"),
    TASK: ("functions",),
    FILTER: ("filters",),
}
_NAMING = {
    TASK: ("functions", "photos:shrink", FUNCTIONS_MAX),
    FILTER: ("filters", "blur:Blur", FILTERS_MAX),
}
