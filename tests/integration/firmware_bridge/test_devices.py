"""Devices come and go at real brokers, and the ledger follows."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, cast

import pytest
from paho.mqtt import publish
from tests.integration.firmware_bridge.conftest import HOST, until

if TYPE_CHECKING:
    from tests.integration.firmware_bridge.conftest import RunningBroker, Site, Thermometer

pytestmark = pytest.mark.integration


async def test_a_device_appears_with_what_it_gives_and_its_readings(
    site: Site, thermometer: Thermometer
) -> None:
    await site.sees("t1")
    await until(lambda: "temperature" in site.device("t1")["readings"])

    (view,) = site.node.nodes()
    assert [(one.name, one.kind, one.value) for one in view.resources] == [
        ("TemperatureSensor", "condition", 1)
    ]
    device = site.device("t1")
    assert 10 < device["readings"]["temperature"]["value"] < 30
    assert device["boot"] == 1
    first = device["readings"]["uptime"]["value"]
    await until(lambda: bool(site.device("t1")["readings"]["uptime"]["value"] > first))


async def test_a_device_that_loses_its_power_is_gone_by_its_last_will(
    site: Site, thermometer: Thermometer
) -> None:
    await site.sees("t1")

    thermometer.power_off()

    await site.sees()
    assert site.device("t1")["reason"] == "it said so, or its last will did"


async def test_a_device_that_reboots_is_back_with_its_next_boot(
    site: Site, thermometer: Thermometer
) -> None:
    await site.sees("t1")
    thermometer.power_off()
    await site.sees()

    thermometer.power_on()

    await site.sees("t1")
    await until(lambda: bool(site.device("t1")["boot"] == 2))
    assert site.device("t1")["counts"]["outdated"] == 0


async def test_a_silent_device_is_gone_until_it_speaks_again(
    hasty_site: Site, thermometer: Thermometer
) -> None:
    await hasty_site.sees("t1")

    thermometer.send(signal.SIGSTOP)
    await hasty_site.sees()
    assert hasty_site.device("t1")["reason"] == "silent for 0.5 s"

    thermometer.send(signal.SIGCONT)
    await hasty_site.sees("t1")


async def test_a_device_that_is_switched_off_says_goodbye(
    site: Site, thermometer: Thermometer
) -> None:
    await site.sees("t1")

    thermometer.send(signal.SIGTERM)

    await site.sees()


async def test_devices_return_when_the_broker_does(
    broker: RunningBroker, hasty_site: Site, thermometer: Thermometer
) -> None:
    await hasty_site.sees("t1")

    await broker.kill()
    await hasty_site.sees()
    assert hasty_site.about["state"] == "connecting"
    assert str(broker.port) in hasty_site.device("t1")["reason"]

    await broker.start()
    await hasty_site.sees("t1")
    await until(lambda: bool(hasty_site.about["state"] == "connected"))
    counts = hasty_site.device("t1")["counts"]
    assert (counts["outdated"], counts["refused"]) == (0, 0)


async def test_garbage_is_counted_and_named_and_the_bridge_goes_on(
    broker: RunningBroker, site: Site, thermometer: Thermometer
) -> None:
    garbage = [
        ("cantor/bad/readings", b"\xff\x00\xfe"),
        ("cantor/bad/readings", b"{"),
        ("cantor/bad/readings", b"x" * 5000),
        ("cantor/bad/readings", b'{"boot": 1, "seq": -1, "temperature": 1}'),
        ("cantor/bad/availability", b"perhaps"),
        ("cantor/not a name/readings", b"{}"),
        ("sensors/bad/temperature", b"1e9"),
    ]
    messages = cast("Any", [{"topic": topic, "payload": data, "qos": 1} for topic, data in garbage])
    publish.multiple(messages, HOST, broker.port)

    await until(lambda: len(site.about["problems"]) == len(garbage))
    await site.sees("t1")
    assert {problem["what"] for problem in site.about["problems"]} == {
        "is not UTF-8 text",
        "is not JSON",
        "is larger than 1024 bytes",
        "seq is no sequence number",
        "is neither the word for online nor for offline",
        "the device's name cannot be used",
        "temperature must lie between -55 and 125 °C",
    }
    assert site.device("bad")["state"] == "unknown"


async def test_a_plain_number_is_enough(broker: RunningBroker, site: Site) -> None:
    publish.single("sensors/hall/temperature", "21.5", 1, hostname=HOST, port=broker.port)

    await until(lambda: site.offered() == {"mqtt/plain-thermometer/hall"})
    assert site.device("hall")["readings"]["temperature"]["value"] == 21.5


async def test_what_the_broker_kept_is_shown_but_proves_no_life(
    broker: RunningBroker, site: Site
) -> None:
    publish.single("sensors/old/temperature", "19", 1, retain=True, hostname=HOST, port=broker.port)
    await until(lambda: bool(site.device("old")["state"] == "here"))
    await site.service.close()
    await site.service.start()

    await until(lambda: bool(site.device("old")["state"] == "gone"))
    assert site.device("old")["readings"]["temperature"]["heard_at"] is None
    assert site.offered() == set()
