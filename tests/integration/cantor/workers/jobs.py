"""What sandboxed workers are asked to do in tests."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def add(one: int, other: int) -> int:
    return one + other


def double(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array * 2


def speak() -> None:
    print("by Python")  # noqa: T201 (what the test is about)
    os.write(1, b"past Python\n")


def leave_child_and_wait(mark: str) -> None:
    """A grandchild in a session of its own, which nothing but the sandbox would end."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", mark],
                     start_new_session=True)  # fmt: skip
    print("started", flush=True)  # noqa: T201
    time.sleep(600)


def call_when_ended(port: int) -> None:
    try:
        print("started", flush=True)  # noqa: T201
        time.sleep(600)
    finally:
        connect(port)


def kill_myself(number: int) -> None:
    os.kill(os.getpid(), number)


def abort() -> None:
    os.abort()


def end_with(code: int) -> None:
    os._exit(code)


def kill_first() -> str:
    os.kill(1, signal.SIGKILL)
    return "alive"


def say_ready_as(pid: int) -> None:
    """A hostile message to the pool: that another process is this worker."""
    import msgpack

    for one in Path("/proc/self/fd").iterdir():
        descriptor = int(one.name)
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with socket.socket(fileno=os.dup(descriptor)) as pool:
                    pool.sendall(msgpack.packb([10, pid]))
        except OSError:
            continue
    time.sleep(600)


def about_me() -> dict[str, Any]:
    return {
        "uid": os.getuid(),
        "home": os.environ["HOME"],
        "folder": str(Path.cwd()),
        "environment": sorted(os.environ),
        "descriptors": sorted(_kind(one) for one in Path("/proc/self/fd").iterdir()),
    }


def _kind(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink()).partition(":[")[0]
    except OSError:
        return ""


def use_libraries() -> list[float | str]:
    """What is imported only now, in a view without most of the machine."""
    import sqlite3
    import ssl
    import zoneinfo
    from multiprocessing import Lock, Value

    import numpy as np

    with Lock():
        shared = Value("i", 3)
    return [
        float(np.linalg.inv(np.eye(3) * 2)[0, 0]),
        sqlite3.connect("rows.sqlite").execute("select 1 + 1").fetchone()[0],
        str(zoneinfo.ZoneInfo("Europe/Berlin")),
        ssl.OPENSSL_VERSION.partition(" ")[0],
        shared.value,
        subprocess.run(["/bin/sh", "-c", "echo run"], capture_output=True, text=True).stdout,
    ]


def connect(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), 5.0):
        return "connected"


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def nested(number: int) -> int:
    import cantor

    @cantor.task
    def twice(number: int) -> int:
        return number * 2

    return twice.submit(number).result()


def use_device(path: str) -> int:
    """Reads and writes a device."""
    place = os.open(path, os.O_RDWR)
    try:
        os.write(place, b"x")
        return len(os.read(place, 4))
    finally:
        os.close(place)
