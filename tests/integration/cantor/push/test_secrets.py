"""Secrets of services between agents that are processes of their own."""

from __future__ import annotations

import hashlib
import json
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.push.agents import CLOSED, OPEN, Box, is_running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration

FIRST, SECOND = "canary-4f1c9a7e-first", "canary-83bd02-second"
MANIFEST = """name: mailer
environment: {PASSWORD: secret://mail}
health: {ready: ready, hold: 200ms}
"""
MAIN = """
import cantor, hashlib, os, pathlib, time
data = pathlib.Path(os.environ["CANTOR_DATA"])
by_file = pathlib.Path(os.environ["PASSWORD"]).read_bytes()
assert by_file == cantor.secret("mail").encode() == cantor.secret_bytes("mail")
(data / "proof").write_text(hashlib.sha256(by_file).hexdigest())
(data / "pid").write_text(str(os.getpid()))
print("ready, and it prints", by_file.decode())
while True:
    time.sleep(0.1)
"""
ON_BIRCH = ("--to", 'label.site == "birch"')


def code(folder: Path, manifest: str = MANIFEST) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "service.yaml").write_text(manifest)
    return str(folder)


def data_of(box: Box, file: str) -> str:
    path = box.folder / "services" / "default.mailer" / "data" / file
    return path.read_text() if path.exists() else ""


def reads(box: Box, value: str) -> None:
    """Wait until the service there has read it: it wrote the hash of what it read."""
    wanted = hashlib.sha256(value.encode()).hexdigest()
    until(lambda: data_of(box, "proof") == wanted, lambda: (box.view("mailer"), box.log()[-3000:]))


def secrets_of(box: Box) -> dict[str, tuple[int, set[str]]]:
    """Version and the nodes that keep it, by name."""
    return {
        one["name"]: (one["version"], {n["name"] for n in one["nodes"] if n["is_current"]})
        for one in box.ask("secret.list")
    }


def set_here(box: Box, value: str, *words: str, verb: str = "set") -> None:
    done = box.run("secret", verb, "mail", *words, given=value + "\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [OPEN, CLOSED], ids=["open", "closed in"])
def test_a_service_on_another_node_reads_it_and_its_next_version(
    trio: Trio, tmp_path: Path, words: tuple[str, ...]
) -> None:
    if words != OPEN:
        trio.birch.stop()
        trio.birch.start(trio.ash.address, words=words)
    set_here(trio.ash, FIRST)
    trio.ash.knows(3)

    done = trio.ash.run("push", code(tmp_path / "code"), *ON_BIRCH)

    assert done.returncode == 0, done.stdout + done.stderr
    reads(trio.birch, FIRST)
    both = (1, {"ash", "birch"})
    until(lambda: secrets_of(trio.cedar) == {"mail": both}, lambda: secrets_of(trio.cedar))

    set_here(trio.cedar, SECOND, verb="rotate")

    reads(trio.birch, SECOND)
    trio.ash.until("mailer", birch=("running", 1))
    printed = trio.ash.run("service", "logs", "mailer").stdout
    assert printed.count("ready, and it prints secret://mail") == 2


def test_it_works_on_without_who_has_set_it_and_is_erased_when_its_node_is_back(
    trio: Trio, tmp_path: Path
) -> None:
    set_here(trio.ash, FIRST)
    trio.cedar.run("push", code(tmp_path / "code"), *ON_BIRCH)
    reads(trio.birch, FIRST)
    trio.birch.stop()
    trio.ash.stop()
    (trio.birch.folder / "services" / "default.mailer" / "data" / "proof").unlink()

    trio.birch.start(trio.cedar.address)

    reads(trio.birch, FIRST)  # from what it kept, sealed
    pid = int(data_of(trio.birch, "pid"))
    trio.birch.stop()
    until(lambda: not is_running(pid), trio.birch.log)
    kept = trio.birch.folder / "secrets" / "default=mail"
    assert kept.exists()
    done = trio.cedar.run("secret", "rm", "mail")
    assert done.returncode == 0, done.stderr
    assert "erase it when they are back: " in done.stdout
    assert secrets_of(trio.cedar) == {}

    trio.birch.start(trio.cedar.address)

    until(lambda: not kept.exists(), trio.birch.log)
    assert FIRST not in trio.birch.log()
    states = trio.cedar.states
    until(lambda: states("mailer").get("birch", ("", 0))[0] == "fetching", lambda: states("mailer"))
    (row,) = [row for row in trio.cedar.view("mailer")["nodes"] if row["name"] == "birch"]
    assert "there is no such secret" in row["why"]


def test_a_service_of_another_project_does_not_get_it(trio: Trio, tmp_path: Path) -> None:
    assert trio.ash.run("secret", "set", "mail", "--project", "vision", given="x").returncode == 2
    set_here(trio.ash, FIRST)
    folder = code(tmp_path / "code", MANIFEST + "secrets: [other]\n")

    done = trio.ash.run("push", folder, *ON_BIRCH)

    assert "waits for secrets that project default has not: other (cantor secret set)" in (
        done.stdout + done.stderr
    )

    def told() -> list[str]:
        return [str(row["why"]) for row in trio.cedar.view("mailer")["nodes"]]

    until(
        lambda: any("secret other of project default: there is no" in one for one in told()), told
    )
    done = trio.birch.run("secret", "set", "other", given="late")
    assert done.returncode == 0, done.stderr
    reads(trio.birch, FIRST)


CRASH = """
import cantor, hashlib, os, pathlib
data = pathlib.Path(os.environ["CANTOR_DATA"])
value = cantor.secret("mail")
(data / "proof").write_text(hashlib.sha256(value.encode()).hexdigest())
print("ready", flush=True)
raise SystemExit(f"cannot log in with {value}")
"""


VERBS = (
    "secret list", "service list", "service history mailer --json", "service logs mailer --json",
    "service logs crasher", "logs --lines 1000", "status --json", "nodes --json",
    "resources --json", "task list --json", "mesh graph --json", "pipeline list --json",
    "doctor --json", "secret list --json", "service list --json",
    "logs --lines 1000 --json --level debug",
)  # fmt: skip


def said_by(box: Box, folder: Path) -> str:
    """All that a person can read of a node, by every verb that shows something, and its bundle."""
    bundle = folder / f"{box.folder.name}.tar.gz"
    verbs = VERBS if box.folder.name == "birch" else VERBS[-3:]
    told = [box.run(*verb.split()) for verb in (*verbs, f"doctor --bundle {bundle}")]
    texts = [one.stdout + one.stderr for one in told]
    calls = ("facts", "status", "nodes", "service.list", "service.refused", "secret.list", "pool")
    texts += [str(box.ask(call)) for call in calls]
    with tarfile.open(bundle) as packed:
        members = [packed.extractfile(one) for one in packed.getmembers()]
        texts += [one.read().decode() for one in members if one is not None]
    return "\n".join(texts)


def processes() -> Iterator[tuple[str, bytes]]:
    """Environment and command line of every process of this machine that can be read."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield str(folder), (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()


def test_nothing_that_anybody_can_read_holds_a_value(trio: Trio, tmp_path: Path) -> None:
    """The canary: the services have read it, and one has printed it, and one failed with it."""
    trio.birch.stop()
    trio.birch.start(trio.ash.address, words=CLOSED)
    trio.ash.knows(3)
    set_here(trio.ash, FIRST)
    everywhere = ("--to", 'label.site in ["birch", "cedar"]')
    assert trio.ash.run("push", code(tmp_path / "code"), *everywhere).returncode == 0
    folder = tmp_path / "crash"
    folder.mkdir()
    (folder / "main.py").write_text(CRASH)
    (folder / "service.yaml").write_text("name: crasher\nsecrets: [mail]\nhealth: {ready: ready}\n")
    trio.ash.run("push", str(folder), "--to", 'label.site == "cedar"')
    reads(trio.birch, FIRST)
    reads(trio.cedar, FIRST)
    until(
        lambda: (
            "cannot log in with secret://mail" in trio.ash.run("service", "logs", "crasher").stdout
        ),
        trio.cedar.log,
    )
    pid = int(data_of(trio.cedar, "pid"))
    assert is_running(pid)
    assert any(
        str(pid) in name and b"PASSWORD=/proc/self/fd/" in told for name, told in processes()
    )

    assert [name for name, told in processes() if FIRST.encode() in told] == []
    for box in (trio.ash, trio.birch, trio.cedar):
        said = said_by(box, tmp_path)
        assert "ready, and it prints secret://mail" in said
        assert FIRST not in said
        assert hashlib.sha256(FIRST.encode()).hexdigest() not in said
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"agent.log", "default=mail", "keys", "state"}
    assert [str(path) for path in files if FIRST.encode() in path.read_bytes()] == []


def test_what_people_type_wrongly_is_told(trio: Trio, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 70_000)
    set_here(trio.ash, FIRST)
    told = [
        (trio.ash.run("secret", "set", "mail", given=SECOND), "there is such a secret already"),
        (trio.ash.run("secret", "rotate", "other", given=SECOND), "has no such secret"),
        (trio.ash.run("secret", "rm", "other"), "has no such secret"),
        (trio.ash.run("secret", "set", "No Name", given=SECOND), "no secret can be called so"),
        (trio.ash.run("secret", "set", "empty", given="\n"), "there is no value"),
        (trio.ash.run("secret", "set", "big", "--file", str(large)), "limit 65536"),
    ]
    for done, why in told:
        assert done.returncode == 2
        assert why in done.stderr
        assert SECOND not in done.stdout + done.stderr
    listed = json.loads(trio.birch.run("secret", "list", "--json").stdout)
    assert [(one["name"], one["by_name"], one["version"]) for one in listed] == [("mail", "ash", 1)]
    assert listed[0]["who"].startswith("local:")
