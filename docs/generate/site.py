"""Put hand-written and generated pages into one folder and let mkdocs build the site."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from docs.generate import command_line, errors, files, filters, python_api, rest_api, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WORK = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"
HOOKS = ("chinese", "search_words")
SCREENSHOTS = ROOT / "build" / "screenshots"

REFERENCE: Mapping[str, tuple[str, Callable[[], str]]] = {
    "command-line": ("Command line", command_line.command_line),
    "filters": ("Filters", filters.filters),
    "pipeline-file": ("Pipeline files", files.pipeline_file),
    "resource-expressions": ("Resource expressions", files.resource_expressions),
    "rest-api": ("REST API", rest_api.rest_api),
    "python": ("Python", python_api.python_api),
    "settings": ("Settings", settings.settings),
    "errors": ("Errors and exit codes", errors.errors),
    "schemas": ("Schemas", files.schemas),
    **files.described_files(),
}
"""Every generated page: file name, title, and what writes it."""


def build(work: Path = WORK, site: Path = SITE) -> int:
    """Build the site; the exit code of mkdocs. A warning is an error."""
    config = prepare(work, site)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--quiet"]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([*command, "--config-file", str(config)], env=quiet, check=False)  # noqa: S603 -- our own program
    if done.returncode == 0:
        sys.stdout.write(f"{site}/index.html\n")
    return done.returncode


def prepare(work: Path, site: Path) -> Path:
    """Write every page and the configuration into ``work``; the configuration's path."""
    shutil.rmtree(work, ignore_errors=True)
    pages = work / "pages"
    _copy_pages(pages)
    _write_reference(pages)
    config: dict[str, Any] = yaml.safe_load((DOCS / "mkdocs.yml").read_text(encoding="utf-8"))
    config["docs_dir"], config["site_dir"] = str(pages), str(site)
    config["hooks"] = [str(DOCS / "generate" / f"{hook}.py") for hook in HOOKS]
    for section in config["nav"]:
        for title, entries in section.items():
            if entries == "REFERENCE":
                section[title] = [
                    {name: f"reference/{file}.md"} for file, (name, _) in REFERENCE.items()
                ]
            elif entries == "DECISIONS":
                section[title] = [f"adr/{path.name}" for path in sorted(DOCS.glob("adr/*.md"))]
    path = work / "mkdocs.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def hand_written() -> list[Path]:
    """Every page that people wrote."""
    return sorted(path for path in DOCS.rglob("*.md") if "generate" not in path.parts)


def _copy_pages(pages: Path) -> None:
    for path in [*hand_written(), *sorted((DOCS / "images").glob("*"))]:
        target = pages / path.relative_to(DOCS)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            target.write_text(_for_the_site(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            fresh = SCREENSHOTS / path.name  # taken by the tests, if they ran here
            shutil.copyfile(fresh if fresh.exists() else path, target)


def _for_the_site(text: str) -> str:
    """A page without the notes to the tests, which are for readers of the source only."""
    return re.sub(r"^<!-- (?:not run|runs|output|keeps running)\b.*? -->\n", "", text, flags=re.M)


def _write_reference(pages: Path) -> None:
    reference, schemas = pages / "reference", pages / "schemas"
    reference.mkdir(parents=True, exist_ok=True)
    schemas.mkdir()
    for file, (_, write) in REFERENCE.items():
        (reference / f"{file}.md").write_text(write(), encoding="utf-8")
    for name, text in files.schema_files():
        (schemas / name).write_text(text, encoding="utf-8")
    (schemas / "openapi.json").write_text(rest_api.document_text(), encoding="utf-8")
