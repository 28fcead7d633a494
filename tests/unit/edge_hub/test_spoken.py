"""What the hub and the nodes say to people has its 中文 in the console."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cantor.base.resources import Resource
from cantor.node.tasks.stages import WAITS
from cantor.node.tasks.story_values import NOBODY
from cantor.scheduling.needs import parse
from galaxy.filter import params_of
from galaxy.registry import BUILT_IN, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = ROOT / "hub" / "studio" / "src" / "i18n" / "heard.zh.ts"
SPEAKERS = (
    "hub/edge_hub",
    "agent/galaxy/check.py",
    "agent/galaxy/detection",
    "agent/galaxy/filters",
    "agent/galaxy/group.py",
    "agent/galaxy/params.py",
    "agent/galaxy/placement.py",
    "agent/galaxy/registry.py",
    "agent/galaxy/deployments/judge.py",
    "agent/galaxy/deployments/pushed.py",
    "agent/galaxy/deployments/records.py",
    "agent/galaxy/deployments/secrets.py",
    "agent/galaxy/secrets.py",
    "agent/cantor/node/logs",
    "agent/cantor/node/metrics/following.py",
    "agent/cantor/node/push",
    "agent/cantor/node/secrets",
    "agent/cantor/node/tenants.py",
    "agent/cantor/scheduling/evaluation.py",
)
CALLS = {"ProblemError", "FieldError", "Problem", "MediaError", "ModelError", "_bad"}
CALLS_OF_NODES = CALLS | {"ConfigError", "UnavailableError", "BundleError", "SecretError"}
"""In the hub's own modules these tell who starts it, and not who uses its console."""
BLANK = re.compile(r"\{[^{}]*\}")
# The router's own words for addresses that no page asks for, and one text with two beginnings,
# each of which is translated.
# They stand within others, which are translated.
PARTS = {"the end", "no node has all of it at once: ", "; and {} more"}
UNSPOKEN = {"{} {}: {}", "{} its outputs {}", "{}: {}"}


def template(node: ast.expr) -> str | None:
    """A text with its blanks, whatever they are called."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
        return "".join(str(part) for part in parts)
    return None


def said(path: Path) -> Iterator[str]:
    """The texts that a module gives to errors, also through a local name."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        nodes = list(ast.walk(function))
        local = {
            node.targets[0].id: template(node.value)
            for node in nodes
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for call in (node for node in nodes if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name not in (CALLS if path.is_relative_to(ROOT / "hub") else CALLS_OF_NODES):
                continue
            given = [*call.args, *(k.value for k in call.keywords if k.arg == "remedy")]
            # The first texts of some are codes and pointers, not for people.
            skipped = {"ProblemError": 2, "FieldError": 1, "Problem": 1}.get(name, 0)
            for argument in given[skipped:]:
                text = template(argument)
                if isinstance(argument, ast.Name):
                    text = local.get(argument.id)
                if text:
                    yield f"the filter {text}" if name == "_bad" else text


def spoken() -> set[str]:
    """The English of the catalogue, blanks without their names."""
    keys = re.findall(r'^  ("(?:[^"\\]|\\.)*"):', CATALOGUE.read_text(), re.MULTILINE)
    return {BLANK.sub("{}", json.loads(key)) for key in keys}


def written(path: Path) -> Iterator[str]:
    """All texts of more than a word in a module that speaks to people, but its documentation."""
    tree = ast.parse(path.read_text())
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(ast.walk(node))
            inside.discard(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(node.value)
    for node in ast.walk(tree):
        text = template(node) if isinstance(node, ast.expr) and node not in inside else None
        if text and re.search(r"[a-z] |^expected ", text):
            yield text


def test_every_error_that_people_meet_is_translated() -> None:
    sources = [
        path
        for speaker in SPEAKERS
        for path in ([ROOT / speaker] if speaker.endswith(".py") else (ROOT / speaker).glob("*.py"))
    ]

    texts = {text for path in sources for text in said(path)} - UNSPOKEN

    assert len(texts) > 60
    assert sorted(texts - spoken()) == []


@pytest.mark.parametrize(
    "needs",
    ["GPU = 1", "Memory = 64GiB", "os = 1", "os == 'x'", "not CPU >= 1", "A == 1 or B == 1"],
)
def test_every_reason_against_a_node_is_translated(needs: str) -> None:
    free = (Resource("CPU", "quantity", 2, "cores"), Resource("Memory", "quantity", 1 << 30, "B"),
            Resource("os", "condition", "linux"))  # fmt: skip
    why = parse(needs).explain(free, {})

    patterns = [re.escape(key).replace(re.escape("{}"), "(.+)") for key in spoken() if "{}" in key]

    assert any(re.fullmatch(pattern, why) for pattern in patterns if len(pattern) > 12), why


def test_every_parameter_of_a_built_in_filter_is_translated() -> None:
    registry = Registry.default()
    texts = {
        BLANK.sub("{}", param.description)
        for name in BUILT_IN
        for param in params_of(registry.get(name)).values()
        if not re.fullmatch(r"\S+", param.description) or param.description.endswith(".")
    }

    assert sorted(texts - spoken()) == []


@pytest.mark.parametrize("name", ["lexer", "parser", "kinds", "reach"])
def test_what_is_said_of_an_expression_is_translated(name: str) -> None:
    texts = set(written(ROOT / "agent" / "cantor" / "scheduling" / f"{name}.py"))

    assert texts
    assert sorted(texts - spoken() - PARTS) == []


def test_what_is_wrong_with_classes_that_are_pushed_is_translated() -> None:
    texts = set(written(ROOT / "agent" / "galaxy" / "described.py"))
    inner = {text for text in texts if re.fullmatch(r"(parameter|pin of|type of) .*", text)}

    assert len(texts - inner) > 20
    assert sorted(texts - inner - spoken()) == []


def test_what_tasks_wait_for_is_translated() -> None:
    assert {*WAITS.values(), NOBODY} <= spoken()
