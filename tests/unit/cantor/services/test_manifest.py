"""``service.yaml``: what it may say, and where an error is."""

from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.services.manifest import Health, Manifest, check_name, read_manifest

WHOLE = """
name: counter
run: python main.py --level "very high"
needs: USBCamera == 1
restart: on-failure
stop: 500ms
health:
  http: web/health
  within: 2min
  every: 1
  hold: 1.5s
environment: {LEVEL: info, WORKERS: 4}
ports: {web: 8080, debug: auto}
requirements: [msgpack>=1.1]
ignore: ["*.log"]
"""


def test_all_that_it_may_say_is_read() -> None:
    assert read_manifest(WHOLE) == Manifest(
        name="counter",
        run=("python", "main.py", "--level", "very high"),
        needs="USBCamera == 1",
        restart="on-failure",
        stop_s=0.5,
        health=Health(http="web/health", within_s=120.0, every_s=1.0, hold_s=1.5),
        environment={"LEVEL": "info", "WORKERS": "4"},
        ports={"web": 8080, "debug": 0},
        requirements=("msgpack>=1.1",),
        ignore=("*.log",),
    )
    assert read_manifest(WHOLE).fixed_ports == {8080}
    assert read_manifest(WHOLE).health.http_target == ("web", "/health")


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_without_words_main_py_is_run(text: str) -> None:
    assert read_manifest(text) == Manifest(run=("python", "main.py"), restart="always")


def test_a_command_may_be_a_list() -> None:
    told = read_manifest("run: [./serve, 8080]\nhealth: {command: [./check]}")

    assert (told.run, told.health.command) == (("./serve", "8080"), ("./check",))


@pytest.mark.parametrize(("text", "error"), [
    ("name: counter\nrunn: x", r"service.yaml:2: unknown key 'runn'"),
    ("health:\n  ready: x\n  hppt: 80", r"service.yaml:3: unknown key 'hppt'"),
    ("name: Big Name", r"service.yaml:1: not a name of a service"),
    ("run: []", r"service.yaml:1: run: expected a line, or a list of words"),
    ("run: 'echo \"x'", r"service.yaml:1: run: a line that cannot be split"),
    ("run: [echo, [x]]", r"run: expected a list of words"),
    ("needs: GPU ==", r"service.yaml:1: needs"),
    ("\nrestart: sometimes", r"service.yaml:2: restart: expected one of always, on-failure, never"),
    ("stop: soon", r"service.yaml:1: stop: expected a time"),
    ("stop: 48h", r"stop: expected a time of at most a day"),
    ("health: {ready: x, http: 80}", r"health.http: ready and http exclude each other"),
    ("health: {http: web/}", r"health.http: expected a port"),
    ("health: 5", r"service.yaml:1: health: expected keys with values"),
    ("environment:\n  A: 1\n  B: [2]", r"service.yaml:3: environment.B: expected a text"),
    ("environment: {A-B: 1}", r"environment.A-B: not a name"),
    ("ports: {http: 99999}", r"ports.http: expected a port from 1 to 65535, or auto"),
    ("ports: {HTTP: 80}", r"ports.HTTP: not a name"),
    ("requirements: numpy", r"requirements: expected a list"),
    ("ignore: [1]", r"ignore: expected a list of texts"),
    ("- a\n- b", r"service.yaml:1: expected keys with values"),
    ("a: b: c", r"service.yaml:1: is not YAML"),
])  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        read_manifest(text)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a" * 49, "a/b", "café"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="not a name of a service"):
        check_name(name, "--name")


def test_a_task_names_its_functions() -> None:
    told = read_manifest("kind: task\nfunctions: ['photos:shrink', 'films.cut:cut']\n")

    assert (told.kind, told.functions) == ("task", ("photos:shrink", "films.cut:cut"))


def test_a_filter_names_its_classes() -> None:
    told = read_manifest("kind: filter\nfilters: ['blur:Blur', 'more.edges:Edges']\n")

    assert (told.kind, told.functions) == ("filter", ())
    assert told.filters == ("blur:Blur", "more.edges:Edges")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("kind: widget", "kind: expected one of service, task, filter"),
        ("kind: task", "kind: a task names 1 to 64 functions"),
        ("kind: task\nfunctions: []", "functions: a task names"),
        ("kind: task\nfunctions: [photos]", "functions: expected module:name"),
        ("kind: task\nfunctions: ['a:f', 'b:f']", "functions: two functions are called f"),
        ("kind: task\nfunctions: ['a:f']\nrun: python x.py", "run: a task has no such thing"),
        ("functions: ['a:f']", "functions: a service has no such thing"),
        ("kind: filter", "kind: a filter names 1 to 16 filters, as in filters: [blur:Blur]"),
        ("kind: filter\nfilters: [a]", "filters: expected module:name"),
        ("kind: filter\nfilters: ['a:F', 'b:F']", "filters: two filters are called F"),
        ("kind: filter\nfilters: ['a:F']\nports: {web: 80}", "ports: a filter has no such thing"),
        ("kind: task\nfunctions: ['a:f']\nfilters: ['a:F']", "filters: a task has no such thing"),
    ],
)
def test_what_is_wrong_with_a_kind_is_told(text: str, what: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_manifest(text)
    assert told.value.what.startswith(what)
