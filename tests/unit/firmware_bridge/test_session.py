"""Devices appear when they speak, vanish when they do not; odd messages are counted and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.resources import Resource
from firmware_bridge.events import MQTT, LinkDown, LinkUp, Note, Offer, Overflowed, Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.firmware_bridge.conftest import Bench

T1 = "mqtt/thermometer/t1"


def test_a_device_that_speaks_is_offered_with_what_it_gives(bench: Bench) -> None:
    effects = bench.reading(1)

    offer = next(effect for effect in effects if isinstance(effect, Offer))
    (device,) = offer.devices
    assert (device.id, device.kind, device.name) == (T1, "thermometer", "Thermometer t1")
    assert device.path == "mqtt:plant/t1/readings"
    assert offer.resources == (Resource("TemperatureSensor", "condition", 1),)


def test_further_messages_change_the_readings_and_not_the_offer(bench: Bench) -> None:
    bench.reading(1)

    assert bench.reading(2) == []

    (record,) = bench.session.records
    assert record.readings["temperature"].value == 20.02
    assert record.readings["temperature"].unit == "°C"
    assert record.counts["taken"] == 2


def test_a_silent_device_is_gone_after_its_liveness_time(bench: Bench) -> None:
    bench.reading(1)
    bench.wait(4)
    bench.reading(2)
    bench.wait(4.9)
    assert bench.here == [T1]

    bench.wait(0.2)

    assert bench.here == []
    (record,) = bench.session.records
    assert record.why_gone == "silent for 5 s"


def test_a_device_that_speaks_again_is_back(bench: Bench) -> None:
    bench.reading(1)
    bench.wait(6)

    bench.reading(2)

    assert bench.here == [T1]


def test_the_last_will_ends_it_at_once(bench: Bench) -> None:
    bench.reading(1)

    bench.say("plant/t1/availability", "offline")

    assert bench.here == []


def test_a_repeated_message_does_not_bring_a_device_back(bench: Bench) -> None:
    bench.reading(1)
    bench.say("plant/t1/availability", "offline")

    bench.reading(1)

    assert bench.here == []
    assert bench.session.records[0].counts["repeated"] == 1


def test_a_device_is_back_with_its_next_message_when_an_old_will_comes_late(bench: Bench) -> None:
    bench.reading(1, boot=2)
    bench.say("plant/t1/availability", "offline")

    bench.reading(2, boot=2)

    assert bench.here == [T1]


def test_a_kept_reading_is_shown_and_proves_no_life(bench: Bench) -> None:
    bench.say("plant/t1/readings", '{"boot": 1, "seq": 1, "temperature": 20}', retained=True)

    assert bench.here == []
    assert bench.session.records[0].readings["temperature"].heard_at is None


def test_a_kept_online_counts_for_one_liveness_time(bench: Bench) -> None:
    bench.say("plant/t1/availability", "online", retained=True)
    assert bench.here == [T1]

    bench.wait(5.1)

    assert bench.here == []


def test_a_late_message_keeps_the_newer_reading(bench: Bench) -> None:
    bench.reading(1)
    bench.reading(3)
    bench.reading(2)

    (record,) = bench.session.records
    assert record.readings["temperature"].value == 20.03
    assert (record.counts["late"], record.sequences.popitem()[1].missing) == (1, 0)


def test_messages_of_an_earlier_boot_are_named_and_not_taken(bench: Bench) -> None:
    bench.reading(1, boot=2)
    bench.reading(9, boot=1)

    assert bench.session.records[0].readings["temperature"].value == 20.01
    assert bench.wrong == {"its counters went back": 1}


def test_all_quantities_of_all_devices_are_offered(bench: Bench) -> None:
    bench.say("plain/a", "20.5")
    bench.say("plain/b", " 21 \n")

    offer = [effect for effect in bench.effects if isinstance(effect, Offer)][-1]
    assert offer.resources.count(Resource("Probes", "quantity", 2)) == 2


@pytest.mark.parametrize(
    ("channel", "payload", "what"),
    [
        ("plant/t1/readings", b"\xff\xfe", "is not UTF-8 text"),
        ("plant/t1/readings", b"21.5,", "is not JSON"),
        ("plant/t1/readings", b"[" * 9000, "is not JSON"),
        ("plant/t1/readings", b"[]", "is not a JSON object"),
        ("plant/t1/readings", b'{"seq": 1, "temperature": 1}', "boot is no boot counter"),
        ("plant/t1/readings", b'{"boot": 1, "seq": 1}', "temperature is missing"),
        ("plant/t1/readings", b"x" * 20_000, "is larger than 16384 bytes"),
        ("plant/t1/availability", b"maybe", "is neither the word for online nor for offline"),
        ("plant/t\xe4/readings", b"{}", "the device's name cannot be used"),
        ("somewhere/else", b"1", "no descriptor knows this channel"),
        ("plain/a", b"warm", "temperature must be a number"),
    ],
)
def test_a_bad_message_is_counted_and_named(
    bench: Bench, channel: str, payload: bytes, what: str
) -> None:
    bench.say(channel, payload)
    bench.say(channel, payload)

    assert bench.wrong == {what: 2}
    assert bench.here == []
    assert bench.session.records == []


def test_a_kind_of_bad_message_is_logged_once(bench: Bench) -> None:
    notes = [*bench.say("plain/a", "warm"), *bench.say("plain/a", "hot")]

    assert [type(note) for note in notes] == [Note]
    assert bench.session.problems[0].example == "'hot'"


def test_the_sound_values_of_a_message_count_beside_a_bad_one(bench: Bench) -> None:
    bench.say(
        "plant/t1/readings", '{"boot": 1, "seq": 1, "temperature": 400, "power": {"volts": 3.3}}'
    )

    assert bench.here == [T1]
    assert list(bench.session.records[0].readings) == ["supply"]
    assert bench.wrong == {"temperature must lie between -55 and 125 °C": 1}


def test_a_device_too_many_is_refused_while_all_are_here(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(devices=2)
    for name in ("a", "b", "c"):
        bench.reading(1, device=name)

    assert [record.name for record in bench.session.records] == ["a", "b"]
    assert bench.wrong == {"there are 2 devices already (limits.devices)": 1}


def test_the_device_that_is_gone_for_longest_makes_room(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(devices=2)
    bench.reading(1, device="a")
    bench.wait(1)
    bench.reading(1, device="b")
    bench.wait(10)

    bench.reading(1, device="c")

    assert [record.name for record in bench.session.records] == ["b", "c"]


def test_strangers_cannot_fill_the_memory(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(devices=4)
    for number in range(500):
        bench.say(f"plant/x{number}/availability", "offline")
        bench.say(f"plant/y{number}/readings", "garbage")
        bench.say(f"plant/!{number}/readings", "garbage")

    assert len(bench.session.records) == 4
    assert len(bench.session.problems) == 64
    assert sum(isinstance(effect, Note) for effect in bench.effects) <= 64


def test_while_the_broker_is_away_the_reason_says_so(bench: Bench) -> None:
    bench.feed(LinkUp(MQTT))
    bench.reading(1)
    bench.feed(LinkDown(MQTT, "the broker cannot be reached"))
    assert bench.here == [T1]

    bench.wait(6)

    assert bench.session.records[0].why_gone == "silent for 5 s; the broker cannot be reached"


def test_the_same_reason_is_logged_once(bench: Bench) -> None:
    assert len(bench.feed(LinkDown(MQTT, "no broker"))) == 1
    assert bench.feed(LinkDown(MQTT, "no broker")) == []


def test_messages_that_came_too_fast_are_counted(bench: Bench) -> None:
    bench.feed(Overflowed(MQTT, 7))

    assert bench.session.counts["overflowed"] == 7
    assert bench.wrong == {"messages came too fast and were dropped": 7}


def test_an_empty_message_is_nobody_speaking(bench: Bench) -> None:
    bench.say("plant/t1/availability", "")
    bench.say("plant/t1/readings", "")

    assert bench.session.records == []
    assert bench.wrong == {}


CHANNELS = st.sampled_from(
    ["plant/t1/readings", "plant/t1/availability", "plant//readings", "plain/t1", "$SYS/x", ""]
)
PAYLOADS = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([b"online", b"offline", b"20", b"1e999", b"NaN", b'{"boot": "\\ud800"}']),
    st.builds(
        lambda boot, seq, value: (
            f'{{"boot": {boot}, "seq": {seq}, "temperature": {value}}}'.encode()
        ),
        st.sampled_from([0, 1, 2, 2**70, -1, '"a"', "null"]),
        st.sampled_from([0, 1, 2, 5000, 2**63 - 1, 2**63, 1.5]),
        st.sampled_from([20, -100, "true", '"20"', "1e400", "9" * 400]),
    ),
)


@given(said=st.lists(st.tuples(CHANNELS, PAYLOADS, st.booleans(), st.floats(0, 8)), max_size=30))
def test_no_message_whatever_breaks_the_session(
    make_bench: Callable[..., Bench], said: list[tuple[str, bytes, bool, float]]
) -> None:
    bench = make_bench()
    for channel, payload, retained, pause_s in said:
        bench.feed(Received(MQTT, channel, payload, retained))
        bench.wait(pause_s)
    msgpack.packb([record.as_value() for record in bench.session.records])
    msgpack.packb([problem.as_value() for problem in bench.session.problems])
    bench.wait(100)
    assert bench.here == []
