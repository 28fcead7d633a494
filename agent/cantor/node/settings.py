"""How one agent runs, as people say it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from cantor.base.errors import ConfigError
from cantor.base.units import parse_size
from cantor.mesh.settings import LINKS_MAX_DEFAULT
from cantor.workers.settings import WorkerSettings

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.base.resources import Resource

PORT_DEFAULT = 7433
LISTEN_DEFAULT = (f"0.0.0.0:{PORT_DEFAULT}",)  # only certificates of the mesh get in


SERVICE_DATA_BYTES = 1 << 30
SERVICE_DATA_LEAST_BYTES = 1 << 20
LOGS_BYTES = 64 << 20
LOGS_LEAST_BYTES = 1 << 20


CodeRun: TypeAlias = Literal["none", "tenant"]
"""Which other nodes may run code here: none, or those of this node's tenant."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a node runs of people's functions: in ``workers`` processes (0: it runs none), which are
    otherwise as ``settings`` say. Its own box may always; ``code_run`` says who else.
    ``service_data_bytes`` is how much each service may keep on its disk.
    """

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    code_run: CodeRun = "none"
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    service_data_bytes: int = SERVICE_DATA_BYTES

    def __post_init__(self) -> None:
        if self.service_data_bytes < SERVICE_DATA_LEAST_BYTES:
            raise ConfigError(
                "too little for any service", where="--service-data", remedy="give 1MiB or more"
            )


@dataclass(frozen=True, slots=True)
class Exports:
    """Where metrics go beside the mesh: ``prometheus`` reads them at ``host:port`` of this machine,
    and they are sent to the collector of OpenTelemetry at the URL ``otlp``; nowhere if empty.
    """

    prometheus: str = ""
    otlp: str = ""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How one agent runs.

    ``listen`` are ``host:port`` to accept links on (port 0: the system's choice); ``seeds`` are
    addresses to dial whose nodes are not known yet; ``interfaces`` are the local IP addresses for
    discovery, empty for the system's choice; ``links_max`` is how many links it keeps, and
    ``link_weights`` multiply what those with the nodes of these names or ids cost;
    ``enrol`` is where an issuer enrols boxes by HTTPS, nowhere if empty, and ``public_enrol`` what
    its tokens say where boxes reach it by another address (``host:port``); ``resources`` are what
    the box has beside what is found, and ``shared`` how many units of quantities it owns for all
    nodes of its site, or of its tenant if it has no label ``site``; ``work`` is for tasks;
    ``logs_bytes`` is how much of its logs it keeps, and ``exports`` where its metrics go.
    """

    folder: Path
    name: str = ""
    listen: tuple[str, ...] = LISTEN_DEFAULT
    seeds: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    is_discovering: bool = True
    interfaces: tuple[str, ...] = ()
    links_max: int = LINKS_MAX_DEFAULT
    link_weights: dict[str, float] = field(default_factory=dict)
    enrol: str = ""
    public_enrol: str = ""
    resources: tuple[Resource, ...] = ()
    shared: dict[str, int] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    logs_bytes: int = LOGS_BYTES
    exports: Exports = field(default_factory=Exports)

    def __post_init__(self) -> None:
        if self.logs_bytes < LOGS_LEAST_BYTES:
            raise ConfigError("too little for any logs", where="--logs", remedy="give 1MiB or more")
        # What works in folders of its own must find this one from there.
        object.__setattr__(self, "folder", self.folder.absolute())


def service_data_of(text: str) -> int:
    """Bytes that a person typed as ``--service-data``; as every node gives where that is empty.

    Raises:
        ConfigError: it is no size.
    """
    return _size_of(text, SERVICE_DATA_BYTES, "--service-data")


def logs_of(text: str) -> int:
    """Bytes that a person typed as ``--logs``; as every node keeps where that is empty.

    Raises:
        ConfigError: it is no size.
    """
    return _size_of(text, LOGS_BYTES, "--logs")


def _size_of(text: str, otherwise: int, option: str) -> int:
    try:
        return parse_size(text) if text else otherwise
    except ValueError as error:
        raise ConfigError(str(error), where=option) from error
