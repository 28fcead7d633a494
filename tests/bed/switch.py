"""A corner of this machine with networks of its own, made without root.

One process owns a user, network, mount and pid namespace in which every host is a further network
namespace. It ends when this process ends, however that happens, and the kernel then takes all that
ran there and all its networks away: nothing stays behind, not even after ``kill -9``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PACKAGES = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
}
_TELL_PID = "read -r pid rest </proc/self/stat && echo $pid"  # as this process sees it
_FIRST = f"mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up && {_TELL_PID}"


class BedError(Exception):
    """The bed cannot be made or used on this machine; says what to do."""


class Guest:
    """A process on a host, with its ``pid``, what it prints (``output``) and reads (``input``)."""

    def __init__(self, outside: subprocess.Popen[str]) -> None:
        self._outside = outside  # nsenter, which waits for it
        assert outside.stdin
        assert outside.stdout
        self.input: IO[str] = outside.stdin
        self.output: IO[str] = outside.stdout
        first = self.output.readline()
        if not first:
            raise BedError(f"a process did not start on its host: {outside.args!r}")
        self.pid = int(first)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._outside.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.is_running:
            os.kill(self.pid, number)
            if number in (signal.SIGCONT, signal.SIGKILL):
                self._outside.send_signal(signal.SIGCONT)  # nsenter stops with its child

    def wait(self, timeout_s: float = 20.0) -> int:
        """Its exit code, once it has ended; minus the number of the signal that ended it."""
        code = self._outside.wait(timeout_s)
        self.input.close()
        self.output.close()
        return code

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.signal(signal.SIGKILL)
        self.wait()


class Switch:
    """Starts programs in the bed's namespaces: in the middle (``run``) and on hosts (``spawn``)."""

    def __init__(self) -> None:
        """Make the namespaces.

        Raises:
            BedError: a program is missing, or this machine does not allow it.
        """
        _require_programs()
        enter = ["unshare", "-Urnm", "--pid", "--fork", "--kill-child"]
        self._holder = subprocess.Popen(
            [*enter, "sh", "-c", f"{_FIRST} && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": _PATH},
        )
        assert self._holder.stdout
        first = self._holder.stdout.readline()
        if not first:
            raise BedError(f"{self._last_words()}: {_why_not()}")
        self._pid = int(first)
        self._guests: list[Guest] = []

    def close(self) -> None:
        """Take everything away."""
        self._holder.kill()
        self._holder.communicate()
        for guest in self._guests:
            guest.wait()

    def run(self, *command: str, text: str = "", host: str = "") -> str:
        """What a program in the middle, or on a host, prints; it reads ``text``.

        Raises:
            BedError: it failed; in its words.
        """
        entered = [*self._enter(), *self._on(host), *command]
        done = subprocess.run(
            entered, input=text, capture_output=True, text=True, env={**os.environ, "PATH": _PATH}
        )
        if done.returncode:
            raise BedError(f"{' '.join(command)}: {done.stderr.strip()}\n{text}")
        return done.stdout

    def ip(self, *lines: str, host: str = "") -> None:
        """Carry out lines of ``ip``, in the middle or on a host."""
        self.run("ip", "-batch", "-", text="\n".join(lines), host=host)

    def nft(self, text: str) -> None:
        """Carry out lines of ``nft`` in the middle."""
        self.run("nft", "-f", "-", text=text)

    def counters(self, family: str, table: str, host: str = "") -> dict[str, int]:
        """The packets that each named counter of a table of ``nft`` has counted."""
        answer = self.run("nft", "-j", "list", "counters", "table", family, table, host=host)
        rows = [row["counter"] for row in json.loads(answer)["nftables"] if "counter" in row]
        return {row["name"]: row["packets"] for row in rows}

    def spawn(self, host: str, command: Sequence[str], log: Path | None = None) -> Guest:
        """Start a program on a host, or in the middle (``""``); its errors go to ``log``."""
        first = ["sh", "-c", f'{_TELL_PID}; exec "$@"', "sh"]
        enter = ["nsenter", "-t", str(self._pid), "-U", "-p", "--preserve-credentials"]
        process = Path("/proc", str(self._pid))
        net = process.joinpath("root", "run/netns", host) if host else process / "ns/net"
        with (log or Path(os.devnull)).open("ab") as errors:
            outside = subprocess.Popen(
                [*enter, f"--net={net}", "--", *first, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PATH": _PATH},
            )
        guest = Guest(outside)
        self._guests.append(guest)
        return guest

    def _enter(self) -> list[str]:
        return ["nsenter", "-t", str(self._pid), "-U", "-n", "-m", "--preserve-credentials", "--"]

    def _on(self, host: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{host}", "--"] if host else []

    def _last_words(self) -> str:
        return self._holder.communicate()[1].strip()


def _require_programs() -> None:
    missing = {name: _PACKAGES[name] for name in _PACKAGES if not shutil.which(name, path=_PATH)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise BedError(f"the test bed needs {packages}: sudo apt-get install -y {packages}")


def _why_not() -> str:
    closed = {
        "/proc/sys/kernel/unprivileged_userns_clone": "0",
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
    }
    for name, value in closed.items():
        path = Path(name)
        if path.exists() and path.read_text().strip() == value:
            setting = ".".join(path.parts[3:])
            return f"allow user namespaces: sudo sysctl -w {setting}={1 - int(value)}"
    return "user namespaces are not allowed here; run it as root"
