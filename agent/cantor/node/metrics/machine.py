"""What a machine does: processors, memory, disks, network and temperatures, from /proc and /sys.

Nothing here is kept open, and what cannot be read is left out: a container has no sensors, and a
box no swap. Source: proc(5), Documentation/ABI/testing/sysfs-class-thermal and
Documentation/hwmon/sysfs-interface.rst in Linux.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.metering.names import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.metering.names import Kind

SENSORS_MAX = 32
INTERFACES_MAX = 16
DISKS_MAX = 16
SECTOR_BYTES = 512
"""Of /proc/diskstats, whatever the disk has."""
_NO_DISK = re.compile(r"(?:loop|ram|zram|dm-|md|sr|fd)\d*|.*\d+p\d+|[shv]d[a-z]+\d+|xvd[a-z]+\d+")
_NO_INTERFACE = re.compile(r"lo|veth.*|docker.*|br-.*")
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

Values = dict[Series, float]


class Machine:
    """Reads the machine; shares of time are those since it was read before."""

    def __init__(self, folder: Path, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> None:
        """``folder`` is where the node keeps its files: its disk is what can be full."""
        self._folder = folder
        self._proc = proc
        self._sys = sys
        self._ticks: list[int] = []
        self._shares = (0.0, 0.0)
        self._sensors: list[tuple[Path, str]] | None = None

    def read(self) -> Values:
        """What it does now."""
        values: Values = {}
        for part in (
            self._processors, self._memory, self._space, self._disks, self._network,
            self._temperatures, self._agent,
        ):  # fmt: skip
            with suppress(OSError, ValueError, IndexError):
                for name, labels, kind, value in part():
                    values[Series(name, labels, kind)] = value
        return values

    def _text(self, name: str) -> str:
        return (self._proc / name).read_text(encoding="ascii", errors="replace")

    def _processors(self) -> Iterator[_Row]:
        # user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in user
        ticks = [int(word) for word in self._text("stat").split("\n", 1)[0].split()[1:9]]
        if len(ticks) < 8:
            raise ValueError("not the times of a processor")
        former = self._ticks or [0] * len(ticks)
        spent = [now - before for now, before in zip(ticks, former, strict=True)]
        total = sum(spent)
        if total > 0:
            self._ticks = ticks
            self._shares = 1 - (spent[3] + spent[4]) / total, spent[4] / total
        yield _gauge("cpu_used_ratio", round(max(0.0, self._shares[0]), 4))
        yield _gauge("cpu_waiting_ratio", round(max(0.0, self._shares[1]), 4))
        yield _gauge("cpu_cores", float(os.cpu_count() or 1))
        load = self._text("loadavg").split()
        yield _gauge("load1", float(load[0]))
        yield _gauge("uptime_seconds", float(int(float(self._text("uptime").split()[0]))))

    def _memory(self) -> Iterator[_Row]:
        kib = {}
        for line in self._text("meminfo").splitlines():
            name, _, rest = line.partition(":")
            kib[name] = int(rest.split()[0])
        yield _gauge("memory_total_bytes", 1024.0 * kib["MemTotal"])
        yield _gauge("memory_used_bytes", 1024.0 * (kib["MemTotal"] - kib["MemAvailable"]))
        if kib.get("SwapTotal"):
            yield _gauge("swap_used_bytes", 1024.0 * (kib["SwapTotal"] - kib["SwapFree"]))

    def _space(self) -> Iterator[_Row]:
        for place, path in (("root", Path("/")), ("data", self._folder)):
            with suppress(OSError):
                found = os.statvfs(path)
                total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
                label = ("place", place)
                yield _gauge("disk_total_bytes", float(total), label)
                yield _gauge("disk_used_bytes", float(total - free), label)

    def _disks(self) -> Iterator[_Row]:
        found = 0
        for line in self._text("diskstats").splitlines():
            words = line.split()
            name = words[2]
            if _NO_DISK.fullmatch(name) or found == DISKS_MAX or not name.isprintable():
                continue
            found += 1
            for what, place in (("disk_read_bytes", 5), ("disk_written_bytes", 9)):
                yield _counter(what, SECTOR_BYTES * float(words[place]), ("disk", name[:40]))

    def _network(self) -> Iterator[_Row]:
        found = 0
        for line in self._text("net/dev").splitlines()[2:]:
            name, _, rest = line.partition(":")
            name, words = name.strip(), rest.split()
            if _NO_INTERFACE.fullmatch(name) or found == INTERFACES_MAX:
                continue
            found += 1
            label = ("interface", name[:40])
            yield _counter("network_received_bytes", float(words[0]), label)
            yield _counter("network_sent_bytes", float(words[8]), label)

    def _temperatures(self) -> Iterator[_Row]:
        if self._sensors is None:
            self._sensors = _sensors_in(self._sys)
        for path, name in self._sensors:
            with suppress(OSError, ValueError):  # a disk that sleeps has none now
                celsius = int(path.read_text(encoding="ascii")) / 1000
                if -100 < celsius < 300:
                    yield _gauge("temperature_celsius", round(celsius, 2), ("sensor", name))

    def _agent(self) -> Iterator[_Row]:
        pages = int(self._text("self/statm").split()[1])
        yield _gauge("agent_memory_bytes", float(pages * _PAGE))
        words = self._text("self/stat").rpartition(")")[2].split()
        ticks = int(words[11]) + int(words[12])
        yield _counter("agent_cpu_seconds", ticks / _TICK)


_Row = tuple[str, tuple[tuple[str, str], ...], "Kind", float]


def _gauge(name: str, value: float, *labels: tuple[str, str]) -> _Row:
    return f"cantor_{name}", labels, "gauge", value


def _counter(name: str, value: float, *labels: tuple[str, str]) -> _Row:
    return f"cantor_{name}", labels, "counter", value


def _sensors_in(sys: Path) -> list[tuple[Path, str]]:
    """Files with a temperature in thousandths, each with a name that is its own."""
    found: dict[str, Path] = {}
    for zone in sorted(sys.glob("class/thermal/thermal_zone*")):
        _name_sensor(found, zone / "temp", _word(zone / "type"))
    for path in sorted(sys.glob("class/hwmon/hwmon*/temp*_input")):
        kind = _word(path.with_name("name"))
        label = _word(path.with_name(path.name.replace("_input", "_label")))
        _name_sensor(found, path, f"{kind} {label}".strip())
    return [(path, name) for name, path in found.items()][:SENSORS_MAX]


def _name_sensor(found: dict[str, Path], path: Path, name: str) -> None:
    if not path.exists():
        return
    name = "".join(sign for sign in name if sign.isprintable())[:40] or "sensor"
    others = sum(one == name or one.startswith(f"{name} #") for one in found)
    found[f"{name} #{others + 1}" if others else name] = path


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
