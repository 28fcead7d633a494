"""Read a pipeline file. It is strict: an unknown key or a wrong type names file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.text_file import read_text
from galaxy.check import Problem, find_problems
from galaxy.params import Param, shown
from galaxy.pipeline import CONNECTION_KEYS, FILTER_KEYS, Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from galaxy.check import Path as KeyPath
    from galaxy.registry import Registry

SIZE_BYTES_MAX = 1 << 20
TOP_KEYS = ("name", "filters", "connections")


class PipelineDocument:
    """A pipeline as plain mappings and lists, and all that is wrong with its form."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[Problem] = []
        self.pipeline: Pipeline | None = None

    def read(self, document: Mapping[str, object]) -> None:
        """Take the document; what is wrong with its form goes to ``problems``."""
        self._unknown_keys((), document, TOP_KEYS)
        name = self._scalars((), document, {"name": Param(str, Path(self.where).stem)})
        filters = self._filters(document.get("filters"))
        connections = self._connections(document.get("connections", []))
        if not self.problems:
            self.pipeline = Pipeline(str(name["name"]), filters, tuple(connections))

    def _filters(self, entries: object) -> dict[str, FilterSpec]:
        if not isinstance(entries, dict) or not entries:
            self._wrong(
                ("filters",), "must be a mapping from name to filter with one entry or more"
            )
            return {}
        filters: dict[str, FilterSpec] = {}
        for name, entry in entries.items():
            path: KeyPath = ("filters", name)
            if not name or "." in name:
                self._wrong(path, "a filter's name must not be empty or hold a dot")
            if not isinstance(entry, dict):
                self._wrong(path, f"must be a mapping with a type, not {shown(entry)}")
                continue
            self._unknown_keys(path, entry, (*FILTER_KEYS, "params"))
            values = self._scalars(path, entry, FILTER_KEYS)
            params = entry.get("params") or {}
            if not isinstance(params, dict):
                self._wrong((*path, "params"), f"must be a mapping, not {shown(params)}")
                params = {}
            filters[name] = FilterSpec(
                str(values["type"]), params, str(values["needs"]), str(values["node"])
            )
        return filters

    def _connections(self, entries: object) -> list[Connection]:
        if not isinstance(entries, list):
            self._wrong(("connections",), f"must be a list, not {shown(entries)}")
            return []
        connections: list[Connection] = []
        for index, entry in enumerate(entries):
            path: KeyPath = ("connections", index)
            if not isinstance(entry, dict):
                self._wrong(path, f"must be a mapping with from and to, not {shown(entry)}")
                continue
            before = len(self.problems)
            self._unknown_keys(path, entry, tuple(CONNECTION_KEYS))
            values = self._scalars(path, entry, CONNECTION_KEYS)
            if len(self.problems) == before:
                try:
                    connections.append(Connection.from_values(values))
                except ValueError as error:
                    self._wrong(path, str(error))
        return connections

    def _scalars(
        self,
        path: KeyPath,
        entry: Mapping[str, object],
        keys: Mapping[str, Param[str]] | Mapping[str, Param[str] | Param[int] | Param[float]],
    ) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, param in keys.items():
            values[key] = param.default
            if key not in entry:
                if param.required:
                    self._wrong((*path, key), "is missing")
                continue
            try:
                values[key] = param.check(entry[key])
            except ValueError as error:
                self._wrong((*path, key), str(error))
        return values

    def _unknown_keys(
        self, path: KeyPath, entry: Mapping[str, object], known: tuple[str, ...]
    ) -> None:
        for key in entry:
            if key not in known:
                self._wrong((*path, key), "unknown key", f"known keys: {', '.join(known)}")

    def _wrong(self, path: KeyPath, what: str, remedy: str = "") -> None:
        self.problems.append(Problem(path, what, remedy))


class PipelineFile(PipelineDocument):
    """A pipeline file with the line of every key, and all that is wrong with it."""

    def __init__(self, text: str, where: str) -> None:
        """Read the text.

        Raises:
            ConfigError: it is no YAML, too large, too deep, or holds an alias or a key twice.
        """
        super().__init__(where)
        if len(text) > SIZE_BYTES_MAX:
            raise ConfigError(f"is larger than {SIZE_BYTES_MAX >> 20} MiB", where=where)
        from cantor.base.strict_yaml import StrictYaml  # what is deployed comes without YAML

        self._yaml = StrictYaml(text, where)
        document = self._yaml.content
        if not isinstance(document, dict):
            raise ConfigError(
                "is not a mapping with the keys name, filters and connections", where=where
            )
        self.read(document)

    def check(
        self, registry: Registry, parse_needs: Callable[[str], object] | None = None
    ) -> list[Problem]:
        """Every problem of the file and of the pipeline that it describes."""
        if self.problems or self.pipeline is None:
            return self.problems
        return find_problems(self.pipeline, registry, parse_needs)

    def error(self, problem: Problem) -> ConfigError:
        """The problem as an error that names file, line and key."""
        line = self._yaml.line(problem.path)
        return ConfigError(
            f"{problem.key}: {problem.what}", where=f"{self.where}:{line}", remedy=problem.remedy
        )


def read_pipeline_file(path: Path) -> PipelineFile:
    """Open a pipeline file.

    Raises:
        ConfigError: it cannot be read or is no YAML mapping.
    """
    return PipelineFile(read_text(path, SIZE_BYTES_MAX), str(path))


def load_pipeline(
    path: Path, registry: Registry, parse_needs: Callable[[str], object] | None = None
) -> Pipeline:
    """The checked pipeline of a file.

    Raises:
        ConfigError: for the first problem found; it names file, line and key.
    """
    file = read_pipeline_file(path)
    problems = file.check(registry, parse_needs)
    if problems or file.pipeline is None:
        raise file.error(problems[0])
    return file.pipeline


def pipeline_from_document(document: Mapping[str, object], where: str) -> Pipeline:
    """The pipeline of a document whose keys are strings, its form checked but not its types.

    Which filter types exist is another node's matter: only names, keys and ends are looked at.

    Raises:
        ConfigError: for the first problem found; it names the key.
    """
    read = PipelineDocument(where)
    read.read(document)
    problems = read.problems or [
        Problem(("connections", index), f"there is no filter {end.filter!r}")
        for index, connection in enumerate(read.pipeline.connections if read.pipeline else ())
        for end in (connection.source, connection.target)
        if read.pipeline and end.filter not in read.pipeline.filters
    ]
    if problems or read.pipeline is None:
        first = problems[0]
        raise ConfigError(f"{first.key}: {first.what}", where=where, remedy=first.remedy)
    return read.pipeline
