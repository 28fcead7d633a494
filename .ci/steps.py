"""What every step of the bootstrap stands on: where things lie, and how it says and runs things."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"


def fail(what: str, remedy: str) -> NoReturn:
    """Stop with one line that says what is wrong and what to do."""
    sys.exit(f"bootstrap: {what} — {remedy}")


def say(text: str) -> None:
    """Tell the person what takes time now."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def only_one_at_a_time(what: str) -> Iterator[None]:
    """Hold a lock of this clone: two ``make`` at once must not write one environment."""
    import fcntl

    with (TOOLS / f"lock-{what}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest_of(paths: list[Path]) -> str:
    """One digest over the names and contents of files."""
    total = hashlib.sha256()
    for path in paths:
        body = path.read_bytes() if path.exists() else b""
        total.update(f"{path.relative_to(ROOT)} {len(body)}\n".encode() + body)
    return total.hexdigest()


def run_or_explain(
    command: list[str],
    what: str,
    remedy: str,
    folder: Path = ROOT,
    variables: dict[str, str] | None = None,
) -> None:
    """Run a command; when it fails, stop with what that means and what to do."""
    if subprocess.run(command, cwd=folder, env=variables or child_environment()).returncode:
        fail(what, remedy)


def child_environment() -> dict[str, str]:
    """The environment of child processes: uv gets the index and certificates that pip was told."""
    variables = dict(os.environ)
    variables.pop("VIRTUAL_ENV", None)
    if os.environ.get("PIP_INDEX_URL") and not os.environ.get("UV_INDEX_URL"):
        variables.setdefault("UV_DEFAULT_INDEX", os.environ["PIP_INDEX_URL"])
    if os.environ.get("PIP_CERT"):
        variables.setdefault("SSL_CERT_FILE", os.environ["PIP_CERT"])
    if variables.get("SSL_CERT_FILE"):
        variables.setdefault("NODE_EXTRA_CA_CERTS", variables["SSL_CERT_FILE"])
    variables.setdefault("UV_HTTP_TIMEOUT", "120")
    variables.setdefault("UV_LINK_MODE", "copy")
    return variables
