"""The environment of a sandboxed worker: what it needs to run, and nothing that may be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.workers.sandbox.levels import Level

_KEPT = frozenset(
    (
        *("PATH", "LANG", "LANGUAGE", "TZ", "TERM", "NO_COLOR", "LD_LIBRARY_PATH"),
        *("PYTHONPATH", "PYTHONHASHSEED", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE"),
        *("PYTHONWARNINGS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
        *("OPENCV_LOG_LEVEL", "OMP_WAIT_POLICY"),
    )
)
_KEPT_ENDS = ("_NUM_THREADS",)
_KEPT_BEGINNINGS = ("LC_",)
_FOR_NETWORK = frozenset(["SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "no_proxy"])
_OWN = {
    "HOME": "/tmp",  # noqa: S108 (its own)
    "TMPDIR": "/tmp",  # noqa: S108 (its own)
    "USER": "task",
    "LOGNAME": "task",
    "PYTHONSAFEPATH": "1",  # the agent's working folder is none of the places to import from
}


def cleaned(environment: Mapping[str, str], level: Level) -> dict[str, str]:
    """What of an environment goes into a worker at a level that is closed."""
    network = _FOR_NETWORK if level == "net" else frozenset()
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT
        or name in network
        or name.endswith(_KEPT_ENDS)
        or name.startswith(_KEPT_BEGINNINGS)
    }
    return {**kept, **_OWN}
