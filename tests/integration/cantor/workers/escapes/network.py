"""Attempts at the network and at other processes' sockets."""

from __future__ import annotations

import socket

from tests.integration.cantor.workers.escapes.attempt import Attempt

_S = 5.0


def connect_to_loopback(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), _S):
        return "connected"


def connect_by_ipv6(port: int) -> str:
    with socket.create_connection(("::1", port), _S):
        return "connected"


def send_to_loopback(port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return str(sock.sendto(b"x", ("127.0.0.1", port)))


def listen() -> str:
    with socket.create_server(("127.0.0.1", 0)):
        return "listening"


def connect_to_control(control: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(control)
        return "connected"


def connect_to_abstract(abstract: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"\0{abstract}")
        return "connected"


def send_to_control(datagrams: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        return str(sock.sendto(b"x", datagrams))


def send_raw() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return "open"


def sniff() -> str:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
        return "open"


def ask_kernel() -> str:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW):
        return "open"


def reach_host() -> str:
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM):
        return "open"


def use_kernel_ciphers() -> str:
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET):
        return "open"


def use_bluetooth() -> str:
    with socket.socket(31, socket.SOCK_RAW):
        return "open"


ATTEMPTS = (
    Attempt(connect_to_loopback, "anybody", ("port",)),
    Attempt(connect_by_ipv6, "maybe", ("port6",)),
    Attempt(send_to_loopback, "anybody", ("port",)),
    Attempt(listen, "anybody"),
    Attempt(connect_to_control, "anybody", ("control",)),
    Attempt(connect_to_abstract, "anybody", ("abstract",)),
    Attempt(send_to_control, "anybody", ("datagrams",)),
    Attempt(send_raw, "root"),
    Attempt(sniff, "maybe"),
    Attempt(ask_kernel, "anybody"),
    Attempt(reach_host, "maybe"),
    Attempt(use_kernel_ciphers, "maybe"),
    Attempt(use_bluetooth, "maybe"),
)
