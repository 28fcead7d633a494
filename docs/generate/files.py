"""The pages of what people write: resource expressions, pipeline files, and their schemas."""

from __future__ import annotations

import functools
import inspect
import json
from typing import TYPE_CHECKING

from docs.generate.filters import fallback, limits
from docs.generate.markdown import code, fenced, page, prose, table

from cantor.base import strict_yaml
from cantor.cli.schema import FILE_ENDING, installed
from cantor.scheduling import needs
from galaxy import loader, pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cantor.cli.schema import Schema
    from galaxy.params import Param


def resource_expressions() -> str:
    """The grammar, from the module that reads it."""
    text = inspect.cleandoc(needs.__doc__ or "")
    before, _, rest = text.partition("The grammar (ISO 14977)::\n\n")
    grammar, _, after = rest.partition("\n\nSpaces, tabs")
    summary, example, meaning = before.strip().split("\n\n", 2)
    quantities = ", ".join(code(name) for name in sorted(needs.QUANTITIES))
    return page(
        "Resource expressions",
        summary,
        fenced(inspect.cleandoc(example)),
        prose(meaning),
        f"Quantities that nodes announce by themselves: {quantities}.",
        "## Grammar",
        "In the notation of ISO 14977:",
        fenced(inspect.cleandoc(grammar)),
        prose("Spaces, tabs" + after),
        "[Resources and needs](../concepts/resources.md) explains them with examples.",
    )


def pipeline_file() -> str:
    """Every key of a pipeline file."""
    header = ("key", "type", "default", "range", "meaning")
    top = [
        (code("name"), "string", "the file's name", "", "What people call the pipeline."),
        (code("filters"), "mapping", "must be given", "1 entry or more", "Filters by name."),
        (code("connections"), "list", "`[]`", "", "Ways from an output pin to an input pin."),
    ]
    params = (code("params"), "mapping", "`{}`", "", "Parameters of the [type](filters.md).")
    limits_text = (
        f"A file is at most {loader.SIZE_BYTES_MAX >> 20} MiB and nested at most"
        f" {strict_yaml.NESTING_MAX} deep; YAML aliases and keys that stand twice are refused."
        f" An edge holds {pipeline.DEPTH_DEFAULT} frames where nothing else is said, with the"
        " policy `latest` one, and never more than"
        f" {pipeline.DEPTH_MAX}."
    )
    return page(
        "Pipeline files",
        "A pipeline file is YAML. It is read strictly: an unknown key or a wrong type is an error"
        " that names the file, the line and the key. `cantor pipeline validate FILE` reads it"
        " without running it.",
        table(header, top),
        "## A filter",
        table(header, [*_rows(pipeline.FILTER_KEYS), params]),
        "A filter's name must not be empty or hold a dot.",
        "## A connection",
        table(header, _rows(pipeline.CONNECTION_KEYS)),
        "## Limits",
        limits_text,
        "## Schema",
        "The JSON Schema of this file, with every filter's parameters, is"
        f" [`pipeline{FILE_ENDING}`](../schemas/pipeline{FILE_ENDING}). [Schemas](schemas.md) tells"
        " how an editor uses it.",
    )


def schemas() -> str:
    """Every schema, and how to get it."""
    rows = [
        (code(name), make().get("title", ""), f"[`{file}`](../schemas/{file})")
        for name, make, file in (
            (name, make, name + FILE_ENDING) for name, make in installed().items()
        )
    ]
    return page(
        "Schemas",
        "JSON Schemas (2020-12) of the files that people write. `cantor schema write FOLDER` writes"
        " those of your installation, [Complete files in your editor](../how-to/editor.md) says"
        " what to do with them.",
        table(("name", "describes", "file"), rows),
    )


def described_files() -> dict[str, tuple[str, Callable[[], str]]]:
    """The pages of files that have no page of their own above: their keys, from their schemas."""
    others = {name: make() for name, make in installed().items() if name != "pipeline"}
    return {
        f"{name}-file": (schema["title"], functools.partial(_described, name, schema))
        for name, schema in others.items()
    }


def keys_of(schema: Schema, above: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Every key below a schema with its path, its own schema, and whether it must be given."""
    required = set(schema.get("required", ()))
    for name, kind in schema.get("properties", {}).items():
        path = f"{above}{name}"
        yield path, kind, name in required
        yield from keys_of(kind, f"{path}.")
        yield from keys_of(kind.get("items", {}), f"{path}[].")
        further = kind.get("additionalProperties")
        if isinstance(further, dict):
            yield from keys_of(further, f"{path}.NAME.")


def _described(name: str, schema: Schema) -> str:
    rows = [
        (code(path), _kind(kind), "must be given" if must else _given(kind), _bounds(kind),
         kind.get("description", ""))
        for path, kind, must in keys_of(schema)
    ]  # fmt: skip
    return page(
        schema["title"],
        schema.get("description", ""),
        "The file is read strictly: a key that is not listed here is an error. `a.b` is the key"
        " `b` below `a`, `a[].b` the key `b` of each entry of the list `a`, and `NAME` is a name"
        " that you choose.",
        table(("key", "type", "default", "range", "meaning"), rows),
        f"The JSON Schema is [`{name}{FILE_ENDING}`](../schemas/{name}{FILE_ENDING}).",
    )


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(code(value) for value in schema["enum"])
    kind = str(schema.get("type", "anything"))
    words = {"object": "mapping", "array": "list"}
    return words.get(kind, kind)


def _given(schema: Schema) -> str:
    if "default" not in schema or schema["default"] is None:
        return ""
    return code(json.dumps(schema["default"], ensure_ascii=False))


def _bounds(schema: Schema) -> str:
    words = {"minimum": "≥ ", "maximum": "≤ ", "minItems": "at least ", "maxItems": "at most "}
    told = [f"{word}{schema[key]}" for key, word in words.items() if schema.get(key)]
    return " ".join([*told, schema.get("x-unit", "")]).strip()


def schema_files() -> Iterator[tuple[str, str]]:
    """Name and text of each schema."""
    for name, make in installed().items():
        yield name + FILE_ENDING, json.dumps(make(), indent=2, ensure_ascii=False) + "\n"


def _rows(keys: Mapping[str, Param[str] | Param[int] | Param[float]]) -> Iterator[tuple[str, ...]]:
    for name, param in keys.items():
        required = param.required
        default = "must be given" if required else code(fallback(param.default))
        yield code(name), str(param.schema()["type"]), default, limits(param), param.description  # type: ignore[arg-type] # read only
