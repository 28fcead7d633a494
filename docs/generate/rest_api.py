"""The page of every operation of the hub's API, from its OpenAPI document."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from typing import TYPE_CHECKING, Any

from docs.generate.markdown import code, page, table

from edge_hub.routing import PLACES, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    Document = dict[str, Any]

_CONSOLE = re.compile(r"Sign in once with (http://127\.0\.0\.1:\d+)/")


@functools.cache
def document() -> Document:
    """The OpenAPI document that a hub of this version serves."""
    anywhere = "127.0.0.1:0"
    command = [sys.executable, "-m", "cantor.cli.main", "hub", "--console", anywhere]
    command += ["--enrol", anywhere, "--listen", anywhere, "--interface", "127.0.0.1", "--data"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True) as hub,  # noqa: S603 -- our own program
    ):
        try:
            content: Document = json.loads(_fetch(_console(hub) + "/api/v1/openapi.json"))
        finally:
            hub.terminate()
    return content


def _console(hub: subprocess.Popen[str]) -> str:
    said = []
    for line in hub.stdout or ():
        said.append(line)
        if found := _CONSOLE.search(line):
            return found[1]
    message = f"the hub did not start: {''.join(said)}"
    raise RuntimeError(message)


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as reply:  # noqa: S310 -- our own hub
        return bytes(reply.read())


def document_text() -> str:
    """The document as a file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def rest_api() -> str:
    """The page."""
    content = document()
    schemas = content["components"]["schemas"]
    return page(
        "REST API",
        "Served by the hub under `/api/v1`. The [OpenAPI 3.1 document](../schemas/openapi.json) is"
        " also at `/api/v1/openapi.json` of a running hub.",
        "An operation is about the tenant and project that the session looks at. To name them, put"
        f" `{PLACES['project']}` between `/api/v1` and the rest of the path, for projects"
        f" themselves `{PLACES['tenant']}`.",
        "A session comes from a one-time sign-in link and is a cookie. Whatever changes something"
        " sends the header `X-Cantor-Request: 1`, so that another site's form cannot. Errors are"
        " problem documents (RFC 9457). Lists are read in pages: `limit`, then the `cursor` of the"
        " page before.",
        "## Operations",
        *(_operation(*entry) for entry in operations(content)),
        "## Types",
        *(_type(name, schema) for name, schema in sorted(schemas.items())),
    )


def operations(content: Document) -> Iterator[tuple[str, str, Document]]:
    """Method, path and description of each operation, once: not under its tenant again."""
    for path, methods in content["paths"].items():
        if path.startswith(PREFIX + PLACES["tenant"]):
            continue
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _operation(method: str, path: str, operation: Document) -> str:
    parts = [f"### `{method} {path}`", operation["summary"] + "."]
    if operation.get("security") == []:
        parts.append("Needs no session.")
    rows = [
        (code(given["name"]), given["in"], "yes" if given.get("required") else "",
         _type_name(given["schema"]))
        for given in operation["parameters"]
    ]  # fmt: skip
    parts.append(table(("parameter", "in", "required", "type"), rows))
    if "requestBody" in operation:
        parts.append(f"Body: {_content(operation['requestBody'])}.")
    replies = [
        (status, reply["description"], _content(reply))
        for status, reply in operation["responses"].items()
    ]
    parts.append(table(("status", "meaning", "body"), replies))
    return "\n\n".join(part for part in parts if part)


def _content(reply: Document) -> str:
    kinds = [_type_name(body.get("schema", {})) for body in reply.get("content", {}).values()]
    return ", ".join(kinds)


def _type(name: str, schema: Document) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (code(key), _type_name(kind), "yes" if key in required else "",
         code(json.dumps(kind["default"])) if "default" in kind else "")
        for key, kind in schema.get("properties", {}).items()
    ]  # fmt: skip
    parts = [f"### {name} {{ #type-{name.lower()} }}", schema.get("description", "")]
    parts.append(table(("key", "type", "required", "default"), rows) or _type_name(schema))
    return "\n\n".join(part for part in parts if part)


def _type_name(schema: Document) -> str:
    """A JSON Schema in a few words, with links to the types of this page."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#type-{name.lower()})"
    if "enum" in schema:
        return ", ".join(code(json.dumps(value, ensure_ascii=False)) for value in schema["enum"])
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "anyOf" in schema:
        return " or ".join(_type_name(part) for part in schema["anyOf"])
    kind = schema.get("type", "anything")
    if "prefixItems" in schema:
        return "list of exactly " + ", ".join(_type_name(part) for part in schema["prefixItems"])
    if kind == "array":
        return "list of " + _type_name(schema.get("items", {}))
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return "mapping to " + _type_name(schema["additionalProperties"])
    words = {"minimum": "≥ ", "maximum": "≤ ", "minLength": "length ≥ ", "maxLength": "length ≤ "}
    bounds = [f"{word}{schema[key]}" for key, word in words.items() if key in schema]
    return " ".join([str(kind), *bounds])
