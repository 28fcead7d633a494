"""Addresses of cameras by RTSP (RFC 2326, RFC 7826)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from galaxy.elsewhere import find_elsewhere
from galaxy.errors import MediaError

SCHEMES = ("rtsp://", "rtsps://")
PORTS = (322, 554, 8322, 8554)
"""Those that cameras and their servers listen on: IANA's rtsps, rtsp and rtsp-alt, and what goes
with the last."""
_USUAL = {"rtsp": 554, "rtsps": 322}
_TRANSPORTS = ("udp", "multicast", "http", "https", "filter_src")
"""What FFmpeg reads in the query as a wish for other connections. Source: libavformat/rtsp.c."""


def rtsp_address(url: str) -> Address:
    """Host and port of an RTSP address.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    if not url.startswith(SCHEMES) or not parts.hostname:
        message = "no RTSP address"
        raise ValueError(message)
    return Address(parts.hostname, parts.port or _USUAL[parts.scheme])


def check_rtsp_address(url: str, where: str = "") -> None:
    """Refuse what FFmpeg would open by another protocol, such as a file.

    Raises:
        ConfigError: it is no address of RTSP.
    """
    try:
        rtsp_address(url)
    except ValueError as error:
        raise ConfigError(
            "this is no RTSP address", where=where, remedy="write rtsp://host:port/path"
        ) from error


def elsewhere_url(url: str) -> str:
    """The same camera by its IP address, if that is another machine's: nobody can give the name
    another address in between. Frames come by the same connection.

    Raises:
        MediaError: it is on this box, or there is none of that name.
    """
    address, parts = rtsp_address(url), urlsplit(url)
    try:
        found = find_elsewhere(address.host, address.port)
    except (OSError, UnicodeError) as error:
        raise MediaError("it is no camera of another machine", where=str(address)[:200]) from error
    user, at, _ = parts.netloc.rpartition("@")
    place = f"{user}{at}{Address(found, address.port)}"
    words = re.split("[?&]", parts.query)
    query = "&".join(word for word in words if word not in _TRANSPORTS)
    return urlunsplit((parts.scheme, place, parts.path, query, ""))
