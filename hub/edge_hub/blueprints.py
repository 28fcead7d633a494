"""From what a person asks for to a checked pipeline: templates, documents, parameters and nodes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.base.secret_names import named_in
from cantor.scheduling.needs import parse
from edge_hub.problems import ProblemError
from edge_hub.schemas import FieldError
from galaxy.check import find_problems
from galaxy.filter import params_of
from galaxy.loader import PipelineDocument, load_pipeline
from galaxy.placement import needs_of
from galaxy.registry import Registry, is_pushed, push_of
from galaxy.schema import describe_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from edge_hub.deployment_schemas import NewDeployment
    from galaxy.check import Problem
    from galaxy.pipeline import FilterSpec, Pipeline

TEMPLATES = Path(__file__).parent / "templates"
MASK = "********"
_LANGUAGE = re.compile(r"([a-z]{2}): +(.+)")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A pipeline of the template folder; ``needs`` holds what each filter and its type need.

    ``descriptions`` are those in other languages; ``types`` describes the filter types.
    """

    id: str
    description: str
    descriptions: Mapping[str, str]
    types: Mapping[str, dict[str, Any]]
    pipeline: Pipeline
    needs: Mapping[str, str]


class Blueprints:
    """The templates of one folder, and the making of pipelines from them or from documents."""

    def __init__(self, folder: Path = TEMPLATES, registry: Registry | None = None) -> None:
        self._folder = folder
        self._registry = registry or Registry.default()
        self._read: dict[str, Blueprint] | None = None
        self._secret_params: dict[str, frozenset[str]] = {}

    async def all(self) -> list[Blueprint]:
        """Every template in the order of the ids; a file with a mistake is logged and left out."""
        if self._read is None:
            found = await asyncio.to_thread(lambda: list(self._load()))
            self._read = {one.id: one for one in found}
        return list(self._read.values())

    async def pipeline(
        self,
        wish: NewDeployment,
        nodes: Mapping[str, str],
        deployed: Mapping[str, Any] | None = None,
    ) -> Pipeline:
        """The pipeline that ``wish`` describes; ``nodes`` are those that may run it, id to name.

        ``deployed`` is the document of the deployment that it names.

        Raises:
            ProblemError: it names something that does not exist, or cannot run (422); it has
                not exactly one of template, document and deployment (400).
        """
        if sum(one is not None for one in (wish.template, wish.pipeline, wish.deployment)) != 1:
            detail = "give a template, a pipeline or a deployment, one of them"
            raise ProblemError(400, "bad-request", detail)
        if wish.pipeline is not None:
            base = _from_document(wish.pipeline)
        elif wish.deployment is not None:
            base = _from_document(dict(deployed or {}))
        else:
            base = await self._template(str(wish.template))
        errors = [
            *_unknown_params(wish, base),
            *_unknown_nodes(wish, base, nodes),
            *_unwritable_numbers(wish),
        ]
        if errors:
            raise _refused(errors)
        wanted = _with_wishes(base, wish)
        problems = await asyncio.to_thread(find_problems, wanted, self._registry, parse)
        if problems:
            raise _refused([_field_error(problem, wish) for problem in problems])
        return wanted

    def masked(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A pipeline's document for people: secrets in it are masked, but not their names."""
        filters: dict[str, Any] = {}
        found = document.get("filters")
        for name, spec in found.items() if isinstance(found, dict) else ():
            params = spec.get("params") if isinstance(spec, dict) else None
            given = params if isinstance(params, dict) else {}
            secrets = self._secrets(spec, given) if given else frozenset()
            hidden = {key: MASK for key in secrets & given.keys() if named_in(given[key]) is None}
            filters[name] = {**spec, "params": {**given, **hidden}} if hidden else spec
        return {**document, "filters": filters} if filters else dict(document)

    async def types(self, *, with_pushed: bool) -> list[dict[str, Any]]:
        """What every filter type of this build tells of itself, and of those pushed if wanted."""
        return await asyncio.to_thread(lambda: list(self._types(with_pushed=with_pushed)))

    def _types(self, *, with_pushed: bool) -> Iterator[dict[str, Any]]:
        for name in self._registry.names():
            if with_pushed or not is_pushed(name):
                with contextlib.suppress(ConfigError):
                    yield {**describe_filter(name, self._registry.get(name)), "push": push_of(name)}

    def _secrets(self, spec: Mapping[str, Any], given: Mapping[str, Any]) -> frozenset[str]:
        """The secret parameters of a filter; of a type that this hub does not know, none. Of one
        that was pushed, which may be another by now, and of one that is pushed no more, all.
        """
        filter_type = str(spec.get("type"))
        if is_pushed(filter_type):
            known = self._registry.pushed.get(filter_type)
            open_ = params_of(known) if known is not None else {}
            return frozenset(n for n in given if n not in open_ or open_[n].secret)
        if filter_type not in self._secret_params:
            found: frozenset[str] = frozenset()
            with contextlib.suppress(ConfigError):
                declared = params_of(self._registry.get(filter_type))
                found = frozenset(name for name, param in declared.items() if param.secret)
            self._secret_params[filter_type] = found
        return self._secret_params[filter_type]

    async def _template(self, template: str) -> Pipeline:
        for one in await self.all():
            if one.id == template:
                return one.pipeline
        raise _refused([FieldError("/template", f"there is no template {template[:64]!r}")])

    def _load(self) -> Iterator[Blueprint]:
        for path in sorted(self._folder.glob("*.yaml")):
            try:
                pipeline = load_pipeline(path, self._registry, parse)
                text = path.read_text(encoding="utf-8")
            except (ConfigError, OSError) as error:
                _log.warning("a template was left out", extra={"reason": str(error)})
                continue
            types = {spec.type for spec in pipeline.filters.values()}
            type_needs = {name: self._registry.get(name).needs for name in types}
            needs = {
                name: texts[0] if len(texts) == 1 else " and ".join(f"({one})" for one in texts)
                for name, texts in needs_of(pipeline, type_needs).items()
                if texts
            }
            described = {name: describe_filter(name, self._registry.get(name)) for name in types}
            said = leading_comment(text)
            yield Blueprint(path.stem, said.pop("", ""), said, described, pipeline, needs)


def leading_comment(text: str) -> dict[str, str]:
    """The sentences at the head of a pipeline file by language, English under no name.

    A line in another language begins with its name, ``# zh: ...``; indented lines are commands.
    """
    sentences: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        content = line.removeprefix("#").removeprefix(" ")
        if content and content == content.lstrip():
            spoken = _LANGUAGE.fullmatch(content)
            language, words = spoken.groups() if spoken else ("", content)
            sentences.setdefault(language, []).append(words.strip())
    joined = {name: ("" if name == "zh" else " ").join(some) for name, some in sentences.items()}
    return {name: f"{said[:-1]}." if said.endswith(":") else said for name, said in joined.items()}


def _from_document(document: dict[str, Any]) -> Pipeline:
    """Read a document as strictly as a file."""
    read = PipelineDocument("pipeline")
    read.read(document)
    if read.pipeline is None:
        errors = [FieldError(_pointer("pipeline", *p.path), _said(p)) for p in read.problems]
        raise _refused(errors)
    return read.pipeline


def _unknown_params(wish: NewDeployment, pipeline: Pipeline) -> Iterator[FieldError]:
    for path in wish.params:
        name, dot, param = path.partition(".")
        if not (dot and param):
            yield FieldError(_pointer("params", path), "must be written filter.param")
        elif name not in pipeline.filters:
            yield FieldError(_pointer("params", path), _no_filter(name, pipeline))


def _unknown_nodes(
    wish: NewDeployment, pipeline: Pipeline, nodes: Mapping[str, str]
) -> Iterator[FieldError]:
    for name, node in wish.nodes.items():
        if name not in pipeline.filters:
            yield FieldError(_pointer("nodes", name), _no_filter(name, pipeline))
        elif node not in nodes:
            yield FieldError(_pointer("nodes", name), f"this project has no node {node!r}")
    known = {*nodes, *nodes.values(), ""}
    for name, spec in pipeline.filters.items():
        if name not in wish.nodes and spec.node not in known:
            where = _pointer("pipeline", "filters", name, "node")
            yield FieldError(where, f"this project has no node {spec.node[:64]!r}")


def _unwritable_numbers(wish: NewDeployment) -> Iterator[FieldError]:
    """Whole numbers of more than 64 bits, which no fact can hold."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [
        (("params",), wish.params),
        (("pipeline",), wish.pipeline),
    ]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += (((*path, key), part) for key, part in value.items())
        elif isinstance(value, list):
            waiting += (((*path, index), part) for index, part in enumerate(value))
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield FieldError(_pointer(*path), "is too large a number")


def _no_filter(name: str, pipeline: Pipeline) -> str:
    return f"there is no filter {name[:64]!r}; filters: {', '.join(pipeline.filters)[:300]}"


def _with_wishes(pipeline: Pipeline, wish: NewDeployment) -> Pipeline:
    filters: dict[str, FilterSpec] = {}
    for name, spec in pipeline.filters.items():
        mine = {
            param: value
            for owner, _, param, value in (
                (*path.partition("."), value) for path, value in wish.params.items()
            )
            if owner == name
        }
        node = wish.nodes.get(name, spec.node)
        filters[name] = replace(spec, params={**spec.params, **mine}, node=node)
    return replace(pipeline, filters=filters)


def _field_error(problem: Problem, wish: NewDeployment) -> FieldError:
    """Point at the key that the person wrote, be it in ``params``, ``nodes`` or the document."""
    path = problem.path
    if len(path) == 4 and path[2] == "params" and f"{path[1]}.{path[3]}" in wish.params:
        return FieldError(_pointer("params", f"{path[1]}.{path[3]}"), _said(problem))
    if len(path) == 3 and path[2] == "node" and path[1] in wish.nodes:
        return FieldError(_pointer("nodes", path[1]), _said(problem))
    return FieldError(_pointer("pipeline", *path), _said(problem))


def _said(problem: Problem) -> str:
    return f"{problem.what} ({problem.remedy})" if problem.remedy else problem.what


def _pointer(*parts: str | int) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _refused(errors: Iterable[FieldError]) -> ProblemError:
    """Every mistake at once; the detail tells the first."""
    found = list(errors)[:100]
    detail = f"{found[0].pointer[1:].replace('/', '.')}: {found[0].message}"
    return ProblemError(422, "pipeline-refused", detail[:1000], errors=found)
