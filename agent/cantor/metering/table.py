"""Series and their values as pages for others: names once, then only what has changed.

A page is: the number of its sample and of the one that it builds on (0: none, it is complete), the
count of new series and these, then every value that has changed: how far its series is from the one
before, with two bits that say how the value is written. All numbers are varints, as in Protocol
Buffers; a difference is folded so that small ones of both signs are short.

- 0: a whole number, as its difference from the former value;
- 1: a number of at most four decimals, as the difference of its ten-thousandths;
- 2: any other, as its eight bytes;
- 3: there is none any more.

No value loses anything on the way.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.metering.names import KINDS, LABELS_MAX, RESERVED_LABELS, Series, wrong_with

if TYPE_CHECKING:
    from collections.abc import Mapping

SERIES_MAX = 5000
EXACT = 1 << 53
GLOBS_MAX = 8
_WHOLE, _DECIMAL, _REAL, _GONE = range(4)
_PARTS = 10_000.0
_REAL_FORM = struct.Struct("<d")
_LABELS_MAX = LABELS_MAX + len(RESERVED_LABELS)
NAN = math.nan


class Writer:
    """The series of one node, sample by sample."""

    def __init__(self) -> None:
        self.number = 0
        self._places: dict[Series, int] = {}
        self._values: list[float] = []

    def update(self, values: Mapping[Series, float]) -> bytes:
        """Take the next sample; the page that leads from the one before to it.

        When most series are gone it is complete: their places are given to others.
        """
        if len(self._places) - len(values) > max(100, len(values)):
            self._places, self._values = {}, []
            return self._first(values)
        self.number += 1
        places, held = self._places, self._values
        added: list[Series] = []
        for series in values:
            if series not in places and len(places) < SERIES_MAX:
                places[series] = len(places)
                held.append(NAN)
                added.append(series)
        changes = bytearray()
        former = count = 0
        for place, series in enumerate(places):
            value, old = values.get(series, NAN), held[place]
            if value == old or (value != value and old != old):
                continue
            _put_value(changes, place - former, old, value)
            former, count = place, count + 1
            held[place] = value
        return self._page(self.number - 1, added, changes, count)

    def page(self) -> bytes:
        """The whole sample, for who has none before it."""
        changes = bytearray()
        former = count = 0
        for place, value in enumerate(self._values):
            if value == value:
                _put_value(changes, place - former, NAN, value)
                former, count = place, count + 1
        return self._page(0, list(self._places), changes, count)

    def _first(self, values: Mapping[Series, float]) -> bytes:
        self.update(values)
        return self.page()

    def _page(self, base: int, added: list[Series], changes: bytearray, count: int) -> bytes:
        head = bytearray()
        for number in (self.number, base, len(added)):
            _put(head, number)
        for series in added:
            _put_series(head, series)
        _put(head, count)
        return bytes(head + changes)


class Reader:
    """The series of another node, from its pages. Bytes of others are hostile until they fit."""

    def __init__(self) -> None:
        self.number = 0
        self._series: list[Series] = []
        self._values: list[float] = []
        self._picked: dict[str, list[int]] = {}

    @property
    def values(self) -> dict[Series, float]:
        """The sample that was read last."""
        pairs = zip(self._series, self._values, strict=True)
        return {series: value for series, value in pairs if value == value}

    def pick(self, glob: str) -> list[tuple[Series, float]]:
        """The series of the last sample that a person asks for; quick when it is asked again."""
        places = self._picked.get(glob)
        if places is None:
            if len(self._picked) >= GLOBS_MAX:
                self._picked.clear()
            places = [place for place, one in enumerate(self._series) if one.matches(glob)]
            self._picked[glob] = places
        series, values = self._series, self._values
        return [(series[at], values[at]) for at in places if values[at] == values[at]]

    def apply(self, page: bytes) -> bool:
        """Take a page; False if it builds on another sample than the last: ask for a whole one.

        Raises:
            RemoteProtocolError: it is no page.
        """
        try:
            return self._applied(page)
        except (IndexError, UnicodeDecodeError, struct.error, OverflowError) as error:
            raise RemoteProtocolError("not a page of metrics") from error

    def _applied(self, page: bytes) -> bool:
        number, at = _take(page, 0)
        base, at = _take(page, at)
        if base not in (0, self.number):
            return False
        if not base:
            self._series, self._values = [], []
        count, at = _take(page, at)
        if len(self._series) + count > SERIES_MAX:
            raise RemoteProtocolError("too many series")
        if count or not base:
            self._picked.clear()
        for _ in range(count):
            series, at = _take_series(page, at)
            self._series.append(series)
            self._values.append(NAN)
        self._take_changes(page, at)
        self.number = number
        return True

    def _take_changes(self, page: bytes, at: int) -> None:
        values, place = self._values, 0
        count, at = _take(page, at)
        if count > len(values):
            raise RemoteProtocolError("more values than series")
        for _ in range(count):
            told = page[at]  # most numbers are one byte: no call for these
            at += 1
            if told > 127:
                told, at = _take(page, at - 1)
            place += told >> 2
            how = told & 3
            if how < _REAL:
                change = page[at]
                at += 1
                if change > 127:
                    change, at = _take(page, at - 1)
                change = (change >> 1) ^ -(change & 1)
                old = values[place]
                if how == _WHOLE:
                    values[place] = float(_whole(old) + change)
                else:
                    values[place] = (_parts(old) + change) / _PARTS
            elif how == _REAL:
                (values[place],) = _REAL_FORM.unpack_from(page, at)
                at += 8
            else:
                values[place] = NAN
        if at != len(page):
            raise RemoteProtocolError("a page of metrics with something after it")


def _put_value(out: bytearray, distance: int, old: float, value: float) -> None:
    distance <<= 2
    if value != value:
        _put(out, distance | _GONE)
        return
    if -EXACT < value < EXACT:
        if value == (whole := int(value)):
            _put(out, distance | _WHOLE)
            _put_signed(out, whole - _whole(old))
            return
        parts = round(value * _PARTS)
        if parts / _PARTS == value and -EXACT < parts < EXACT:
            _put(out, distance | _DECIMAL)
            _put_signed(out, parts - _parts(old))
            return
    _put(out, distance | _REAL)
    out += _REAL_FORM.pack(value)


def _whole(value: float) -> int:
    return int(value) if -EXACT < value < EXACT else 0


def _parts(value: float) -> int:
    return round(value * _PARTS) if -EXACT < value * _PARTS < EXACT else 0


def _put_signed(out: bytearray, number: int) -> None:
    _put(out, number << 1 if number >= 0 else (-number << 1) - 1)


def _put(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _take(raw: bytes, at: int) -> tuple[int, int]:
    byte = raw[at]
    if byte < 128:
        return byte, at + 1
    number, shift = byte & 127, 7
    while True:
        at += 1
        byte = raw[at]
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at + 1
        shift += 7
        if shift > 63:
            raise RemoteProtocolError("a number that is too large")


def _put_series(out: bytearray, series: Series) -> None:
    out.append(KINDS.index(series.kind))
    out.append(len(series.labels))
    for word in (series.name, *(word for label in series.labels for word in label)):
        raw = word.encode()
        out.append(len(raw))
        out += raw


def _take_series(raw: bytes, at: int) -> tuple[Series, int]:
    kind, labels = raw[at], raw[at + 1]
    at += 2
    if labels > _LABELS_MAX:
        raise RemoteProtocolError("too many labels")
    words: list[str] = []
    for _ in range(1 + 2 * labels):
        end = at + 1 + raw[at]
        if end > len(raw):
            raise RemoteProtocolError("a name that is cut")
        words.append(raw[at + 1 : end].decode())
        at = end
    pairs = tuple(zip(words[1::2], words[2::2], strict=True))
    if why := wrong_with(words[0], pairs, is_own=True):
        raise RemoteProtocolError(why)
    return Series(words[0], pairs, KINDS[kind]), at
