"""Metrics as OpenTelemetry takes them: the JSON of OTLP 1.x, and what sends it.

Source: https://opentelemetry.io/docs/specs/otlp and the definitions in opentelemetry-proto.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError, ConfigError, reason_of
from cantor.metering.names import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.metrics.service import Metrics
    from cantor.node.services import Node

HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""The variable of OpenTelemetry's own programs: ``name=value,name=value``, for a key."""
EVERY_S = 15.0
TIMEOUT_S = 10.0
_CUMULATIVE = 2
_UNITS = {"bytes": "By", "seconds": "s", "celsius": "Cel", "watts": "W", "ratio": "1"}
_log = logging.getLogger(__name__)

Json = dict[str, Any]


def target_of(text: str) -> str:
    """The address to send to, of what a person typed: that of a collector, or all of it.

    Raises:
        ConfigError: it is no address of the web.
    """
    if not text.startswith(("http://", "https://")) or any(sign.isspace() for sign in text):
        raise ConfigError(
            "not an address", where=f"--otlp {text[:80]}", remedy="write http://HOST:4318"
        )
    return text if text.endswith("/v1/metrics") else f"{text.rstrip('/')}/v1/metrics"


def otlp(
    values: Mapping[Series, float],
    resource: Mapping[str, str],
    version: str,
    begun: float,
    at: float,
) -> Json:
    """A whole request; times are UTC seconds."""
    times = {"startTimeUnixNano": _nano(begun), "timeUnixNano": _nano(at)}
    metrics: dict[tuple[str, str], Json] = {}
    buckets: dict[Series, dict[str, float]] = {}
    for series, value in values.items():
        if series.kind == "histogram":
            part = series.name.rpartition("_")[2]
            name = series.name.removesuffix(f"_{part}")
            end = dict(series.labels).get("le", part)
            labels = tuple(one for one in series.labels if one[0] != "le")
            buckets.setdefault(Series(name, labels, "histogram"), {})[end] = value
        else:
            point = {"asDouble": value, "attributes": _attributes(series), **times}
            _metric(metrics, series)["dataPoints"].append(point)
    for series, parts in buckets.items():
        _metric(metrics, series)["dataPoints"].append(
            {**_spread(parts), "attributes": _attributes(series), **times}
        )
    scope = {"scope": {"name": "cantor", "version": version}, "metrics": list(metrics.values())}
    about = {"attributes": [_attribute(*one) for one in resource.items()]}
    return {"resourceMetrics": [{"resource": about, "scopeMetrics": [scope]}]}


def _metric(metrics: dict[tuple[str, str], Json], series: Series) -> Json:
    """Where the points of a name go."""
    kind = {"counter": "sum", "gauge": "gauge", "histogram": "histogram"}[series.kind]
    key = series.name, kind
    if key not in metrics:
        data: Json = {"dataPoints": []}
        if kind != "gauge":
            data["aggregationTemporality"] = _CUMULATIVE
        if kind == "sum":
            data["isMonotonic"] = True
        unit = _UNITS.get(series.name.rpartition("_")[2], "")
        metrics[key] = {"name": series.name, **({"unit": unit} if unit else {}), kind: data}
    found: Json = metrics[key][kind]
    return found


def _spread(parts: Mapping[str, float]) -> Json:
    """A histogram whose buckets are counted each for itself."""
    bounds = [float(end) for end in parts if end not in ("count", "sum", "+Inf")]
    so_far = [parts[end] for end in parts if end not in ("count", "sum")]
    counts = [now - before for now, before in zip(so_far, [0.0, *so_far], strict=False)]
    return {
        "count": str(int(parts.get("count", 0))),
        "sum": parts.get("sum", 0.0),
        "bucketCounts": [str(max(0, int(one))) for one in counts],
        "explicitBounds": bounds,
    }


def _attributes(series: Series) -> list[Json]:
    return [_attribute(name, value) for name, value in series.labels]


def _attribute(name: str, value: str) -> Json:
    return {"key": name, "value": {"stringValue": value}}


def _nano(at: float) -> str:
    return str(int(at * 1e9))


class Exporter:
    """Sends this node's metrics to a collector. What it does not take is not kept for later."""

    def __init__(self, metrics: Metrics, node: Node, version: str, target: str) -> None:
        self._metrics = metrics
        self._node = node
        self._version = version
        self._target = target
        self._begun = node.wall()
        self._sending: asyncio.Task[None] | None = None
        self._is_failing = False

    def start(self) -> None:
        """Send from now on."""
        self._sending = asyncio.ensure_future(self._send_on())

    async def close(self) -> None:
        """Send no more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send_on(self) -> None:
        while True:
            await self.send()
            await asyncio.sleep(EVERY_S)

    async def send(self) -> None:
        """Send once; the first failure of several is told."""
        values = await self._metrics.values_of(self._node.node_id)
        resource = {
            "service.name": "cantor",
            "service.instance.id": self._node.node_id,
            "host.name": self._node.name,
            "cantor.tenant": self._node.tenant,
        }
        asked = otlp(values, resource, self._version, self._begun, self._node.wall())
        try:
            await asyncio.to_thread(_post, self._target, json.dumps(asked).encode())
        except CantorError as error:
            if not self._is_failing:
                _log.warning("metrics are not taken", extra={"reason": str(error)})
            self._is_failing = True
        else:
            if self._is_failing:
                _log.info("metrics are taken again", extra={"address": self._target})
            self._is_failing = False


def _post(target: str, body: bytes) -> None:
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    headers = {"Content-Type": "application/json", **_told_headers()}
    asked = Request(target, body, headers, method="POST")  # noqa: S310 (checked by target_of)
    try:
        with urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 (as above)
            answer.read(64 * 1024)
    except (OSError, HTTPException) as error:
        why = reason_of(error) if isinstance(error, OSError) else type(error).__name__
        raise CantorError(f"it was not taken: {why}", where=target) from error


def _told_headers() -> dict[str, str]:
    pairs = (one.partition("=") for one in os.environ.get(HEADERS, "").split(",") if "=" in one)
    return {name.strip(): value.strip() for name, _, value in pairs}
