"""The session core: from messages to the devices that are there. No I/O, no clock inside.

``handle(event, now, wall)`` returns what is to be done. ``now`` is monotonic and decides; ``wall``
is UTC and only shown. A device is there from its first sound, live message until its descriptor's
``liveness_s`` have passed without one, or until its availability channel says that it is offline.
What the broker had kept (a retained message) may be old: a kept reading is shown but proves no
life; a kept "online" counts for one liveness time, because a last will would have replaced it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware_bridge.declarations import shown
from firmware_bridge.descriptor import Availability, Descriptor, Readings
from firmware_bridge.device_record import DeviceRecord, device_id
from firmware_bridge.events import (
    LinkDown,
    LinkUp,
    Note,
    Offer,
    Overflowed,
    Received,
    SetTimer,
    TimerFired,
)
from firmware_bridge.payload import Decoded, PayloadError, decode
from firmware_bridge.routes import Routes
from firmware_bridge.topics import DEVICE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.wire.frame import Value as WireValue
    from firmware_bridge.events import Effect, Event
    from firmware_bridge.sequence import Verdict
    from firmware_bridge.settings import Limits

PROBLEMS_MAX = 64
SHOWN_CHARACTERS_MAX = 128


@dataclass(slots=True)
class BadMessage:
    """A kind of message that could not be used, its newest example, how often, and when last."""

    device: str
    what: str
    channel: str = ""
    example: str = ""
    count: int = 0
    last_at: float = 0.0

    def as_value(self) -> dict[str, WireValue]:
        """The entry as msgpack types; ``last_at`` is in UTC seconds."""
        return {
            "device": self.device,
            "what": self.what,
            "channel": self.channel,
            "example": self.example,
            "count": self.count,
            "last_at": self.last_at,
        }


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who has sent a message, known or not."""

    link: str
    channel: str
    descriptor: Descriptor
    name: str

    @property
    def id(self) -> str:
        """The id of its device."""
        return device_id(self.link, self.descriptor, self.name)


class Session:
    """All devices behind one node."""

    def __init__(self, descriptors: Iterable[Descriptor], limits: Limits) -> None:
        self._limits = limits
        self._routes = Routes(descriptors)
        self._records: dict[str, DeviceRecord] = {}
        self._bad: dict[tuple[str, str], BadMessage] = {}
        self._timer_at = math.inf
        self._is_changed = False
        self._effects: list[Effect] = []
        self._wall = 0.0
        self.links: dict[str, str] = {}
        """Each link and why it does not work; an empty reason if it does."""
        self.counts: Counter[str] = Counter()

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to at a broker."""
        return self._routes.filters

    @property
    def records(self) -> list[DeviceRecord]:
        """Every device that is known, by id."""
        return sorted(self._records.values(), key=lambda record: record.id)

    @property
    def problems(self) -> list[BadMessage]:
        """What could not be used, the newest first."""
        return list(reversed(self._bad.values()))

    def handle(self, event: Event, now: float, wall: float) -> list[Effect]:
        """Take an event; what is to be done now."""
        self._effects, self._wall, self._is_changed = [], wall, False
        match event:
            case Received():
                self._received(event, now)
            case TimerFired():
                self._expire(now)
            case LinkUp(link):
                self.links[link] = ""
                self._note("devices can be heard", reason=link)
            case LinkDown(link, reason):
                if self.links.get(link) != reason:
                    self._note("devices cannot be heard", reason=reason, is_bad=True)
                self.links[link] = reason
            case Overflowed(link, count):
                self.counts["overflowed"] += count
                self._bad_message("", link, "messages came too fast and were dropped", count=count)
        if self._is_changed:
            here = [record.device() for record in self.records if record.is_here]
            given = tuple(resource for device in here for resource in device.provides)
            self._effects.append(Offer(tuple(here), given))
        return self._effects

    def _received(self, event: Received, now: float) -> None:
        self.counts["messages"] += 1
        found = self._routes.find(event.link, event.channel)
        if found is None:
            self._bad_message("", event.channel, "no descriptor knows this channel")
            return
        route, name = found
        speaker = Speaker(event.link, event.channel, route.descriptor, name)
        if not DEVICE_NAME.fullmatch(name):
            self._bad_message("", event.channel, "the device's name cannot be used")
        elif len(event.payload) > self._limits.payload_bytes:
            what = f"is larger than {self._limits.payload_bytes} bytes"
            self._refuse(speaker, what, f"{len(event.payload)} bytes")
        elif not event.payload:
            self.counts["empty"] += 1  # a kept message was taken away: nobody has spoken
        elif isinstance(route.content, Readings):
            self._read(event, speaker, route.content, now)
        else:
            self._said(event, speaker, route.content, now)

    def _read(self, event: Received, speaker: Speaker, readings: Readings, now: float) -> None:
        try:
            decoded = decode(readings, event.payload)
        except PayloadError as error:
            self._refuse(speaker, error.what, error.example)
            return
        for wrong in decoded.wrong:
            self._refuse(speaker, wrong.what, wrong.example)
        record = self._record(speaker) if decoded.values else None
        if record is None:
            return
        verdict = self._verdict(record, readings, decoded, speaker.channel, now)
        if verdict == "new":
            heard_at = None if event.is_retained else self._wall
            record.take(readings, decoded, heard_at)
        if verdict in ("new", "late") and not event.is_retained:
            self._alive(record, now)

    def _said(
        self, event: Received, speaker: Speaker, availability: Availability, now: float
    ) -> None:
        text = event.payload.decode(errors="replace").strip()
        if text not in (availability.online, availability.offline):
            what = "is neither the word for online nor for offline"
            self._refuse(speaker, what, shown(text))
            return
        record = self._record(speaker)
        if record is not None and text == availability.online:
            self._alive(record, now)
        elif record is not None:
            self._gone(record, "it said so, or its last will did")

    def _verdict(
        self,
        record: DeviceRecord,
        readings: Readings,
        decoded: Decoded,
        channel: str,
        now: float,
    ) -> Verdict:
        verdict: Verdict = "new"
        if decoded.boot is not None:
            sequence = record.sequence(readings)
            silence_s = record.descriptor.liveness_s
            verdict = sequence.judge(decoded.boot, decoded.seq, now, silence_s)
        record.counts["taken" if verdict == "new" else verdict] += 1
        if verdict == "outdated":
            example = f"boot {decoded.boot}, seq {decoded.seq}"
            self._bad_message(record.id, channel, "its counters went back", example)
        return verdict

    def _record(self, speaker: Speaker) -> DeviceRecord | None:
        record = self._records.get(speaker.id)
        if record is None and self._has_room():
            record = DeviceRecord(speaker.link, speaker.descriptor, speaker.name)
            self._records[record.id] = record
        if record is None:
            what = f"there are {self._limits.devices} devices already (limits.devices)"
            self._bad_message("", speaker.channel, what)
        return record

    def _has_room(self) -> bool:
        """Whether a device can be added; the one that is gone for longest makes room."""
        if len(self._records) < self._limits.devices:
            return True
        gone = [record for record in self._records.values() if not record.is_here]
        if not gone:
            return False
        oldest = min(gone, key=lambda record: record.heard_at or 0.0)
        del self._records[oldest.id]
        return True

    def _alive(self, record: DeviceRecord, now: float) -> None:
        record.heard_at = self._wall
        record.deadline = now + record.descriptor.liveness_s
        if not record.is_here:
            record.is_here = self._is_changed = True
            self._note("a device is here", record.id)
        if record.deadline < self._timer_at:
            self._set_timer(record.deadline)

    def _gone(self, record: DeviceRecord, why: str) -> None:
        record.why_gone = why
        if record.is_here:
            record.is_here = False
            self._is_changed = True
            self._note("a device is gone", record.id, why)

    def _expire(self, now: float) -> None:
        self._timer_at = math.inf
        here = [record for record in self._records.values() if record.is_here]
        for record in here:
            if record.deadline <= now:
                down = self.links.get(record.link)
                silent = f"silent for {record.descriptor.liveness_s:g} s"
                self._gone(record, f"{silent}; {down}" if down else silent)
        deadlines = [record.deadline for record in here if record.is_here]
        if deadlines:
            self._set_timer(min(deadlines))

    def _set_timer(self, at: float) -> None:
        self._timer_at = at
        self._effects.append(SetTimer(at))

    def _refuse(self, speaker: Speaker, what: str, example: str) -> None:
        record = self._records.get(speaker.id)
        if record is not None:
            record.counts["refused"] += 1
        self._bad_message(speaker.id, speaker.channel, what, example)

    def _bad_message(
        self, device: str, channel: str, what: str, example: str = "", count: int = 1
    ) -> None:
        """Count it under its kind; a kind is logged once, and none while the table is full."""
        self.counts["bad"] += count
        bad = self._bad.pop((device, what), None)
        if bad is None:
            bad = BadMessage(device, what)
            if len(self._bad) < PROBLEMS_MAX:
                self._note("messages that cannot be used", device or channel, what, is_bad=True)
            else:
                del self._bad[next(iter(self._bad))]
        bad.channel, bad.example = channel[:SHOWN_CHARACTERS_MAX], example
        bad.count += count
        bad.last_at = self._wall
        self._bad[(device, what)] = bad  # the newest stands last

    def _note(self, what: str, device: str = "", reason: str = "", *, is_bad: bool = False) -> None:
        self._effects.append(Note(what, device, reason, is_bad))
