"""Which addresses are another machine's, and that what a filter reaches for others is one."""

from __future__ import annotations

import queue
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.bed.waiting import until
from tests.integration.galaxy.rtsp_camera import RtspCamera

from cantor.base.clock import SystemClock
from galaxy import Context
from galaxy.elsewhere import find_elsewhere, is_elsewhere
from galaxy.errors import MediaError
from galaxy.filters.live_source import Rtsp
from galaxy.filters.mqtt import Mqtt
from galaxy.filters.rtsp_address import elsewhere_url, rtsp_address

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "0x7f.1"
"""127.0.0.1, as the system's resolver reads it, and few others do."""


@pytest.mark.parametrize("text", ["192.0.2.1", "10.99.7.3", "2001:db8::1", "::ffff:192.0.2.1"])
def test_addresses_of_other_machines(text: str) -> None:
    assert is_elsewhere(text)


@pytest.mark.parametrize("text", [
    "127.0.0.1", "127.8.8.8", "::1", "::", "169.254.169.254", "fe80::1", "fe80::1%eth0",
    "0.0.0.0",  # noqa: S104 (nothing is bound there)
    "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1",
])  # fmt: skip
def test_addresses_of_this_box_of_its_link_or_of_many(text: str) -> None:
    assert not is_elsewhere(text)


def test_what_this_box_is_called_on_its_network_is_this_box() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the kernel chooses its own address
        except OSError:
            pytest.skip("this machine has no network")
        own = probe.getsockname()[0]
    assert not is_elsewhere(own)


@pytest.mark.parametrize("host", ["localhost", LOOPBACK, "2130706433", "127.1"])
def test_names_of_this_box_are_found_out(host: str) -> None:
    with pytest.raises(OSError, match="Permission denied"):
        find_elsewhere(host, 80)


@pytest.mark.parametrize(("url", "safe"), [
    ("rtsp://192.0.2.1/live", "rtsp://192.0.2.1:554/live"),
    ("rtsps://u:p%40@192.0.2.1/a?b=c&d", "rtsps://u:p%40@192.0.2.1:322/a?b=c&d"),
    ("rtsp://127.0.0.1:554@192.0.2.1:8554/x", "rtsp://127.0.0.1:554@192.0.2.1:8554/x"),
    ("rtsp://192.0.2.1/x?a&udp&multicast?http", "rtsp://192.0.2.1:554/x?a"),
    ("rtsp://192.0.2.1/x#?udp", "rtsp://192.0.2.1:554/x"),
    ("rtsp://[2001:db8::1]/x", "rtsp://[2001:db8::1]:554/x"),
    ("rtsp://192.0.2.1/x\r\nSETUP", "rtsp://192.0.2.1:554/xSETUP"),
])  # fmt: skip
def test_a_camera_elsewhere_is_opened_by_its_ip_address_and_one_connection(
    url: str, safe: str
) -> None:
    assert elsewhere_url(url) == safe


@pytest.mark.parametrize("url", [
    "rtsp://localhost/x", "rtsp://[::ffff:127.0.0.1]/x", "rtsp://u@127.1/x",
    "rtsp://192.0.2.1@127.0.0.1/x", "rtsp://no.such.name.invalid/x", "rtsp://" + "a" * 70 + "/x",
])  # fmt: skip
def test_a_camera_of_this_box_is_none_elsewhere(url: str) -> None:
    with pytest.raises(MediaError, match="no camera of another machine"):
        elsewhere_url(url)


@pytest.mark.parametrize("url", [
    "/etc/shadow", "file:///etc/shadow", "concat:/etc/shadow", "http://192.0.2.1/x", "rtsp:/x",
    "rtsp://", "rtsp://:554/", "rtsp://192.0.2.1:99999/", "rtsp://192.0.2.1:x/", "rtsp://[::1/",
])  # fmt: skip
def test_what_is_no_rtsp_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rtsp_address(url)


def context(addresses: list[str] | None) -> Context:
    return Context(name="one", node="n", pipeline="p", clock=SystemClock(), addresses=addresses)


def test_no_picture_comes_from_this_box_by_another_of_its_names() -> None:
    with RtspCamera() as camera:
        url = camera.url.replace("127.0.0.1", LOOPBACK)
        wish = {"url": url, "open_timeout_s": 2.0, "backoff_max_s": 0.01}
        closed = Rtsp(wish)
        closed.open(context([]))
        with pytest.raises(MediaError):
            closed.open_capture()
        assert camera.sessions == 0

        for addresses in (None, [f"{LOOPBACK}:{camera.port}"]):
            source = Rtsp(wish)
            source.open(context(addresses))
            capture = source.open_capture()
            assert capture.read()[0], "it works for the box itself, and where its owner says so"
            capture.release()
        assert camera.sessions == 2


@contextmanager
def broker() -> Iterator[tuple[int, queue.Queue[bytes]]]:
    """Takes connections, tells what was said first on each, and ends it."""
    said: queue.Queue[bytes] = queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    said.put(connection.recv(1000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], said
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_nothing_is_said_to_a_broker_of_this_box() -> None:
    with broker() as (port, said):
        for addresses, first in (([], b""), (None, b"MQTT"), ([f"{LOOPBACK}:{port}"], b"MQTT")):
            sink = Mqtt({"host": LOOPBACK, "port": port, "user": "x\r\nFLUSHALL\r\n"})
            sink.open(context(addresses))
            until(lambda: not said.empty())
            sink.close()
            told = said.get()
            while not said.empty():
                told += said.get()
            assert (first in told) if first else told == b""
