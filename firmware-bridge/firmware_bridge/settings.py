"""``bridge.yaml``: the broker, the descriptors of the devices behind it, and the limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError, ConfigError
from firmware_bridge.declarations import DIALECT, Flag, Listing, Number, Table, Text
from firmware_bridge.descriptor import check_descriptor, load_descriptor
from firmware_bridge.strict_file import Problem, StrictFile, read_strict_file
from firmware_bridge.topics import first_overlap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from firmware_bridge.declarations import Schema
    from firmware_bridge.descriptor import Descriptor

SHIPPED = Path(__file__).parent / "descriptors"
DESCRIPTORS_MAX = 256
DEVICES = 256
PAYLOAD_BYTES = 16 * 1024
WAITING = 10_000

_BROKER = Table(
    keys={
        "host": Text(pattern=r"[A-Za-z0-9_.:%-]+", says="a host name or an IP address"),
        "port": Number(default=1883, whole=True, minimum=1, maximum=65535),
        "user": Text(default="", description="User name; empty for none."),
        "password": Text(
            default="",
            description="Better a secret of this node: secret://NAME, or in a file: password_file.",
        ),
        "password_file": Text(default="", length_max=4096, description="A file that holds it."),
        "client_id": Text(
            default="",
            pattern=r"[ -~]*",
            says="printable ASCII",
            length_max=64,
            description="What the broker calls this bridge; default: cantor- and the node's id.",
        ),
        "keepalive_s": Number(default=15, whole=True, minimum=5, maximum=3600, unit="s"),
        "tls": Flag(default=False, description="Connect by TLS and check the certificate."),
        "ca": Text(default="", length_max=4096, description="CA file; default: the system's."),
        "certificate": Text(default="", length_max=4096, description="This bridge's, for mTLS."),
        "key": Text(default="", length_max=4096, description="The key of the certificate."),
    }
)
_LIMITS = Table(
    default={},
    keys={
        "devices": Number(default=DEVICES, whole=True, minimum=1, maximum=1000),
        "payload_bytes": Number(
            default=PAYLOAD_BYTES, whole=True, minimum=16, maximum=1 << 20, unit="B"
        ),
        "waiting": Number(
            default=WAITING,
            whole=True,
            minimum=1,
            maximum=1_000_000,
            unit="messages",
            description="Messages that wait for this node; those beyond are dropped and counted.",
        ),
    },
)
_SETTINGS = Table(
    keys={
        "broker": _BROKER,
        "devices": Listing(
            item=Text(length_max=4096),
            minimum=1,
            maximum=DESCRIPTORS_MAX,
            description="Descriptors: files or folders beside this file, or names of shipped ones.",
        ),
        "limits": _LIMITS,
    }
)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to get in; empty texts are not used."""

    host: str
    port: int = 1883
    user: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    keepalive_s: int = 15
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def address(self) -> str:
        """``host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the bridge takes at most: devices, bytes per message, messages not yet looked at."""

    devices: int = DEVICES
    payload_bytes: int = PAYLOAD_BYTES
    waiting: int = WAITING


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """How one bridge runs."""

    broker: Broker
    descriptors: tuple[Descriptor, ...]
    limits: Limits = field(default_factory=Limits)


def load_settings(path: Path) -> BridgeSettings:
    """The settings in a ``bridge.yaml``.

    Raises:
        ConfigError: for the first problem found; it names file, line and key.
    """
    file = read_strict_file(path)
    settings, problems = check_settings(file)
    if settings is None:
        raise file.error(problems[0])
    return settings


def check_settings(file: StrictFile) -> tuple[BridgeSettings | None, list[Problem]]:
    """The settings in a file, or everything that is wrong with it and with its descriptors."""
    problems: list[Problem] = []
    content = _SETTINGS.read(file.content, (), problems)
    if problems:
        return None, problems
    folder = Path(file.where).parent
    broker = _broker(content["broker"], folder, problems)
    descriptors = _descriptors(content["devices"], folder, problems)
    problems += _clashes(descriptors)
    if problems:
        return None, problems
    return BridgeSettings(broker, tuple(descriptors), Limits(**content["limits"])), []


def find_problems(path: Path) -> list[ConfigError]:
    """Everything that is wrong with a ``bridge.yaml`` or a descriptor; empty if it can be used.

    Raises:
        ConfigError: it cannot be read or is no YAML mapping.
    """
    file = read_strict_file(path)
    check = check_settings if "broker" in file.content else check_descriptor
    return [file.error(problem) for problem in check(file)[1]]


def file_schema() -> Schema:
    """JSON Schema of a ``bridge.yaml``."""
    return {"$schema": DIALECT, "title": "bridge.yaml", **_SETTINGS.schema()}


def _broker(content: Mapping[str, Any], folder: Path, problems: list[Problem]) -> Broker:
    values = dict(content)
    password_file = values.pop("password_file")
    for key in ("ca", "certificate", "key"):
        if values[key]:
            values[key] = str(folder / values[key])
            if not values["tls"]:
                problems.append(Problem(("broker", key), "is only used with tls: true"))
            elif not Path(values[key]).is_file():
                problems.append(Problem(("broker", key), f"there is no file {values[key]}"))
    if bool(values["certificate"]) != bool(values["key"]):
        problems.append(Problem(("broker",), "certificate and key stand together"))
    if password_file:
        if values["password"]:
            problems.append(Problem(("broker", "password_file"), "password is given as well"))
        try:
            values["password"] = (folder / password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            problems.append(Problem(("broker", "password_file"), f"cannot be read: {reason}"))
    if values["password"] and not values["user"]:
        problems.append(Problem(("broker", "user"), "is missing; there is a password"))
    return Broker(**values)


def _descriptors(entries: Sequence[str], folder: Path, problems: list[Problem]) -> list[Descriptor]:
    found: list[Descriptor] = []
    for index, entry in enumerate(entries):
        try:
            found += [load_descriptor(path) for path in _files(entry, folder)]
        except CantorError as error:
            problems.append(Problem(("devices", index), str(error)))
    return found


def _files(entry: str, folder: Path) -> list[Path]:
    """The descriptor files that an entry names."""
    path = folder / entry
    if path.is_dir():
        files = sorted(path.glob("*.yaml"))[: DESCRIPTORS_MAX + 1]
        if not 0 < len(files) <= DESCRIPTORS_MAX:
            raise ConfigError(
                f"holds {len(files)} descriptors (1 to {DESCRIPTORS_MAX} are possible)",
                where=str(path),
                remedy="descriptors are files whose names end in .yaml",
            )
        return files
    shipped = SHIPPED / f"{entry}.yaml"
    if not path.exists() and "/" not in entry and shipped.exists():
        return [shipped]
    return [path]


def _clashes(descriptors: Sequence[Descriptor]) -> list[Problem]:
    ids = [descriptor.id for descriptor in descriptors]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    problems = [Problem(("devices",), f"two descriptors have the id {one}") for one in twice]
    pair = first_overlap(topic for descriptor in descriptors for topic in descriptor.topics)
    if pair is not None and not problems:
        what = f"a message could be heard as {pair[0].text} and as {pair[1].text}"
        problems.append(Problem(("devices",), what, "leave one of the descriptors out"))
    return problems
