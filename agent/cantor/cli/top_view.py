"""What ``cantor top`` shows: nodes, one line each, and more of the one that is chosen."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.text import printable
from cantor.base.units import format_size
from cantor.cli.metric_text import bar, graph, value_text
from cantor.cli.table import fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.metering.names import Series

KEPT = 300
"""Seconds of the graphs."""
SORTS = {"c": "cpu", "m": "memory", "n": "network", "t": "temperature", "k": "tasks", "a": "name"}
HELP = "↑↓ choose  ⏎ more  sort: c cpu  m memory  n network  t temperature  k tasks  a name  q quit"
_BAR = 8
_HEAD = ("NODE", "CPU", "MEMORY", "NET IN", "NET OUT", "TEMP", "GPU", "TASKS")
_REVERSED, _BOLD, _PLAIN = "\x1b[7m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Figures:
    """One node in one second; None is what it does not say. Shares are from 0 to 1."""

    cpu: float | None = None
    memory: float | None = None
    memory_bytes: float | None = None
    received: float | None = None
    sent: float | None = None
    temperature: float | None = None
    gpu: float | None = None
    tasks: float | None = None
    waiting: float | None = None

    @property
    def network(self) -> float | None:
        """Bytes in a second, both ways."""
        if self.received is None or self.sent is None:
            return None
        return self.received + self.sent


@dataclass(slots=True)
class Line:
    """One node, and how it was."""

    name: str
    why: str = ""
    now: Figures = field(default_factory=Figures)
    past: deque[Figures] = field(default_factory=lambda: deque(maxlen=KEPT))
    values: dict[Series, float] = field(default_factory=dict)
    at: float = 0.0


class Top:
    """The nodes, their order, and which one is chosen."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.sort = "name"
        self.chosen = ""
        self.has_more = False

    def take(self, at: float, told: Iterable[tuple[str, str, str, Mapping[Series, float]]]) -> None:
        """What nodes say at a monotonic second: id, name, why not, and series of each."""
        found = {}
        for node, name, why, values in told:
            line = self.lines.get(node) or Line(name)
            line.name, line.why = name, why
            if not why:
                line.now = figures(values, line.values, at - line.at)
                line.values, line.at = dict(values), at
                line.past.append(line.now)
            found[node] = line
        self.lines = found
        if self.chosen not in found:
            self.chosen = next(iter(self.ordered()), "")

    def ordered(self) -> list[str]:
        """The ids of the nodes, as they are shown."""
        if self.sort == "name":
            return sorted(self.lines, key=lambda node: (self.lines[node].name, node))

        def largest(node: str) -> tuple[float, str]:
            value = getattr(self.lines[node].now, self.sort)
            return -(value if value is not None else -1.0), self.lines[node].name

        return sorted(self.lines, key=largest)

    def press(self, key: str) -> bool:
        """Do what a key means; False if that is to end."""
        if key in ("q", "\x03", "\x04"):
            return False
        if key in SORTS:
            self.sort = SORTS[key]
        elif key in ("\r", "\n"):
            self.has_more = not self.has_more
        elif key in ("up", "down"):
            order = self.ordered()
            place = order.index(self.chosen) if self.chosen in order else 0
            place = max(0, min(len(order) - 1, place + (1 if key == "down" else -1)))
            self.chosen = order[place] if order else ""
        return True

    def shown(self, width: int, height: int) -> list[str]:
        """The screen: at most ``height`` lines of at most ``width`` cells."""
        order = self.ordered()
        lines = [self._summary(), _head_line(width)]
        more = self._more(width, height // 2) if self.has_more and self.chosen in order else []
        room = max(1, height - len(lines) - len(more) - 1)
        place = order.index(self.chosen) if self.chosen in order else 0
        begin = max(0, min(place - room // 2, len(order) - room))
        for node in order[begin : begin + room]:
            text = fitted(node_line(self.lines[node], width), width)
            lines.append(f"{_REVERSED}{text}{_PLAIN}" if node == self.chosen else text.rstrip())
        lines += more
        lines += [""] * (height - len(lines) - 1)
        return [lines[0], f"{_BOLD}{lines[1]}{_PLAIN}", *lines[2 : height - 1], HELP[:width]]

    def _summary(self) -> str:
        now = [line.now for line in self.lines.values() if not line.why]
        busy = [one.cpu for one in now if one.cpu is not None]
        tasks = sum(int(one.tasks or 0) for one in now)
        mean = f"CPU {100 * sum(busy) / len(busy):.0f} % on average" if busy else "no figures yet"
        silent = len(self.lines) - len(now)
        away = f", {silent} silent" if silent else ""
        return f"{len(self.lines)} nodes{away}, {mean}, {tasks} tasks run; by {self.sort}"

    def _more(self, width: int, room: int) -> list[str]:
        """Graphs of the chosen node, and what the code on it counts."""
        line = self.lines[self.chosen]
        lines = ["", printable(line.name)[:width]]
        past = list(line.past)
        for title, name, top in (
            ("CPU", "cpu", 1.0), ("memory", "memory", 1.0), ("net in", "received", 0.0),
            ("net out", "sent", 0.0), ("temperature", "temperature", 100.0), ("GPU", "gpu", 1.0),
        ):  # fmt: skip
            values = [getattr(one, name) for one in past]
            known = [value for value in values if value is not None]
            if known:
                most = top or max(known)
                lines.append(f"{title:<12}{graph(values, most, max(1, width - 12))}")
        for series, value in sorted(line.values.items(), key=lambda one: one[0].text):
            if not series.name.startswith("cantor_") and series.kind != "histogram":
                text = f"{printable(series.text)}  {value_text(series.name, value)}"
                lines.append(fitted(text, width).rstrip())
        return lines[:room]


def figures(
    values: Mapping[Series, float], former: Mapping[Series, float], passed_s: float
) -> Figures:
    """What a line shows of a node's series."""
    by_name: dict[str, list[float]] = {}
    grown: dict[str, float] = {}
    for series, value in values.items():
        name = series.name.removeprefix("cantor_")
        by_name.setdefault(name, []).append(value)
        if series in former and 0 < passed_s < KEPT and value >= former[series]:
            grown[name] = grown.get(name, 0.0) + (value - former[series]) / passed_s

    def most(name: str) -> float | None:
        return max(by_name[name]) if name in by_name else None

    used, total = most("memory_used_bytes"), most("memory_total_bytes")
    return Figures(
        cpu=most("cpu_used_ratio"),
        memory=used / total if used is not None and total else None,
        memory_bytes=used,
        received=grown.get("network_received_bytes"),
        sent=grown.get("network_sent_bytes"),
        temperature=most("temperature_celsius"),
        gpu=most("gpu_used_ratio"),
        tasks=most("tasks_running"),
        waiting=most("tasks_waiting"),
    )


def plain_table(top: Top) -> list[tuple[str, ...]]:
    """The rows of ``cantor top --once``, below :data:`_HEAD`."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for node in top.ordered():
        line = top.lines[node]
        rows.append((line.name, *(cell.strip() for cell in _cells(line, has_bars=False))))
    return rows


def node_line(line: Line, width: int) -> str:
    """A node in one line; what is left of the width is a graph of its processors."""
    text = f"{fitted(printable(line.name), 16)} " + (
        fitted(printable(line.why), max(0, width - 17))
        if line.why
        else " ".join(_cells(line, has_bars=True))
    )
    room = width - len(text) - 2
    if line.why or room < 8:
        return text
    return f"{text}  {graph([one.cpu for one in line.past], 1.0, min(room, 60))}"


def _head_line(width: int) -> str:
    sizes = (16, _BAR + 5, _BAR + 5, 10, 10, 7, 5, 7)
    cells = [f"{word:<{size}}" for word, size in zip(_HEAD, sizes, strict=True)]
    return " ".join(cells)[:width]


def _cells(line: Line, *, has_bars: bool) -> list[str]:
    now = line.now
    tasks = "-" if now.tasks is None else f"{now.tasks:.0f}"
    if now.waiting:
        tasks += f"+{now.waiting:.0f}"
    return [
        _share(now.cpu, has_bars=has_bars),
        _share(now.memory, has_bars=has_bars),
        f"{_speed(now.received):<10}",
        f"{_speed(now.sent):<10}",
        f"{'-' if now.temperature is None else f'{now.temperature:.0f} °C':<7}",
        f"{'-' if now.gpu is None else f'{100 * now.gpu:.0f} %':<5}",
        f"{tasks:<7}",
    ]


def _share(value: float | None, *, has_bars: bool) -> str:
    text = "-" if value is None else f"{100 * value:.0f}%"
    return f"{bar(value or 0.0, _BAR)} {text:<4}" if has_bars else text


def _speed(value: float | None) -> str:
    return "-" if value is None else f"{format_size(value).replace(' ', '')}/s"
