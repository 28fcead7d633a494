"""What nodes tell each other of metrics beside the pages of :mod:`cantor.metering.table`."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.metering.history import MINUTES_KEPT, SERIES_MAX
from cantor.metering.names import KINDS, Series
from cantor.metering.table import Reader, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cantor.metering.history import Ring
    from cantor.wire.frame import Buffer, Value

FOLLOW = "metrics.follow"
PAGE = "metrics.page"
PAST = "metrics.past"
READ = "metrics.read"

Columns = dict[Series, "array[float]"]


def packed_past(ring: Ring, glob: str) -> tuple[Buffer, ...]:
    """A ring as buffers: the names, the times (f64) and the columns (f32), one after the other."""
    columns = ring.columns(glob)
    names = Writer().update({series: float(place) for place, series in enumerate(columns)})
    return names, ring.times().tobytes(), b"".join(one.tobytes() for one in columns.values())


def read_past(body: Sequence[Buffer]) -> tuple[array[float], Columns]:
    """The times and columns in what another node has sent.

    Raises:
        RemoteProtocolError: it is something else.
    """
    times, numbers, reader = array("d"), array("f"), Reader()
    if len(body) != 3:
        raise RemoteProtocolError("not the past of metrics")
    reader.apply(bytes(body[0]))
    names = list(reader.values)
    if len(body[1]) % 8 or len(body[1]) > 8 * MINUTES_KEPT or len(names) > SERIES_MAX:
        raise RemoteProtocolError("not the past of metrics")
    times.frombytes(bytes(body[1]))
    count = len(times)
    if len(body[2]) != 4 * count * len(names):
        raise RemoteProtocolError("the past of metrics with columns that do not fit")
    numbers.frombytes(bytes(body[2]))
    columns = (numbers[place * count : (place + 1) * count] for place in range(len(names)))
    return times, dict(zip(names, columns, strict=True))


def series_value(series: Series) -> list[Value]:
    """A series as msgpack types."""
    return [series.kind, series.name, [[key, value] for key, value in series.labels]]


def series_from(row: Value) -> Series:
    """The reverse of :func:`series_value`, of an agent of this machine.

    Raises:
        RemoteProtocolError: it is of another version.
    """
    if isinstance(row, list) and len(row) >= 3 and isinstance(labels := row[2], list):
        kind = next((one for one in KINDS if one == row[0]), None)
        pairs = [(str(one[0]), str(one[1])) for one in labels if isinstance(one, list)]
        if kind is not None:
            return Series(str(row[1]), tuple(pairs), kind)
    raise RemoteProtocolError("not a series")


def rows_of(found: Iterable[tuple[Series, float]]) -> list[Value]:
    """Series, each with its value."""
    return [[*series_value(series), value] for series, value in found]
