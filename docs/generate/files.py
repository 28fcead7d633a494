"""The pages of what people write: resource expressions, pipeline files, and their schemas."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING

from docs.generate.filters import fallback, limits
from docs.generate.markdown import code, fenced, page, prose, table

from cantor.cli.schema import FILE_ENDING, installed
from cantor.scheduling import needs
from galaxy import loader, pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        f" {loader.NESTING_MAX} deep; YAML aliases and keys that stand twice are refused. An edge"
        f" holds {pipeline.DEPTH_DEFAULT} frames where nothing else is said, with the policy"
        " `latest` one, and never more than"
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


def schema_files() -> Iterator[tuple[str, str]]:
    """Name and text of each schema."""
    for name, make in installed().items():
        yield name + FILE_ENDING, json.dumps(make(), indent=2, ensure_ascii=False) + "\n"


def _rows(keys: Mapping[str, Param[str] | Param[int] | Param[float]]) -> Iterator[tuple[str, ...]]:
    for name, param in keys.items():
        required = param.required
        default = "must be given" if required else code(fallback(param.default))
        yield code(name), str(param.schema()["type"]), default, limits(param), param.description  # type: ignore[arg-type] # read only
