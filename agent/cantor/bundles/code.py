"""A function with the code that it needs, as bytes whose hash is its name.

The bytes are one msgpack map (see :meth:`Code.encode`). The same function of the same project gives
the same bytes on every machine with the same Python: no folder, time or user is in them.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import BundleError

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer

FORMAT = 1
CODE_BYTES_MAX = 64 * 1024 * 1024
MODULES_MAX = 4096
REQUIREMENTS_MAX = 1024
TEXT_MAX = 1024
"""Characters of a name, a path or a requirement."""
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAME = re.compile(r"([^\W\d]\w*(\.[^\W\d]\w*)*)?")
_VERSION = re.compile(r"3\.\d{1,3}")
_ID = re.compile(r"[0-9a-f]{64}")


def python_here() -> str:
    """The minor version of this Python: ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Source:
    """One module: its text, and where it lies in its project (``shop/orders.py``).

    ``package`` is what relative imports start from; only the main module's is not told by its name.
    """

    path: str
    text: str
    is_package: bool = False
    package: str = ""


@dataclass(frozen=True)
class Code:
    """A function that can travel.

    It is ``name`` in ``module``, reached through ``wraps`` times ``__wrapped__``; or, if
    ``pickled`` is not empty, what cloudpickle made of it, for the Python version ``python`` alone.
    """

    module: str
    name: str
    python: str
    sources: dict[str, Source] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    wraps: int = 0
    pickled: bytes = b""

    @cached_property
    def data(self) -> bytes:
        """What travels: :meth:`decode` reads it."""
        packed: bytes = msgpack.packb(
            {
                "format": FORMAT,
                "module": self.module,
                "name": self.name,
                "python": self.python,
                "modules": self._modules,
                "requirements": sorted(self.requirements),
                "wraps": self.wraps,
                "pickled": self.pickled,
            }
        )
        return packed

    @cached_property
    def id(self) -> str:
        """SHA-256 of :attr:`data`, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def revision(self) -> str:
        """What people see of its modules: the same for all functions of the same modules."""
        told = [self._modules, sorted(self.requirements)]
        return hashlib.sha256(msgpack.packb(told)).hexdigest()[:12]

    @property
    def _modules(self) -> dict[str, list[Any]]:
        return {
            name: [source.path, source.text, source.is_package, source.package]
            for name, source in sorted(self.sources.items())
        }

    @classmethod
    def decode(cls, data: Buffer, code_id: str) -> Code:
        """The code in ``data``, if it is the one with that id.

        Raises:
            BundleError: it is another one, damaged, or of a version that is not known here.
        """
        found = hashlib.sha256(data).hexdigest() if len(data) <= CODE_BYTES_MAX else "too large"
        if found != code_id:
            raise BundleError(
                f"it was changed: its content is {found[:12]}",
                where=f"bundle {code_id[:12]}",
                remedy="fetch it again from another node",
            )
        try:
            code = _read(msgpack.unpackb(data))
        except _FAILURES as error:
            raise BundleError(
                f"it is no bundle of format {FORMAT}: {str(error)[:TEXT_MAX]}",
                where=f"bundle {code_id[:12]}",
                remedy="run the same version of Cantor on both sides",
            ) from error
        return code


_FAILURES = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
    msgpack.UnpackException,
)


def _read(told: dict[str, Any]) -> Code:
    if told["format"] != FORMAT:
        message = f"format {told['format']}"
        raise ValueError(message)
    modules, requirements = told["modules"], told["requirements"]
    if len(modules) > MODULES_MAX or len(requirements) > REQUIREMENTS_MAX:
        message = f"{len(modules)} modules, {len(requirements)} requirements"
        raise ValueError(message)
    code = Code(
        _matching(_DOTTED, told["module"]) if told["module"] else "",
        _text(told["name"]),
        _matching(_VERSION, told["python"]),
        {_matching(_DOTTED, name): _source(*parts) for name, parts in modules.items()},
        tuple(map(_text, requirements)),
        _small(told["wraps"]),
        told["pickled"],
    )
    if type(code.pickled) is not bytes:
        message = "a pickle that is not bytes"
        raise TypeError(message)
    return code


def _source(path: Any, text: Any, is_package: Any, package: Any) -> Source:  # noqa: ANN401
    steps = _text(path).split("/")
    if any(step in {"", ".", ".."} for step in steps) or "\\" in path or "\0" in path:
        message = f"a path that leads elsewhere: {path!r}"
        raise ValueError(message)
    if type(text) is not str or type(is_package) is not bool:
        message = "a module that is no text"
        raise TypeError(message)
    return Source(path, text, is_package, _matching(_NAME, package))


def _matching(form: re.Pattern[str], text: Any) -> str:  # noqa: ANN401
    if not form.fullmatch(_text(text)):
        message = f"not a name: {text!r}"
        raise ValueError(message)
    return str(text)


def _text(value: Any) -> str:  # noqa: ANN401
    if type(value) is not str or len(value) > TEXT_MAX:
        message = "a name that is no text, or too long"
        raise TypeError(message)
    return value


def _small(value: Any) -> int:  # noqa: ANN401
    if type(value) is not int or not 0 <= value <= 100:
        message = "a count out of range"
        raise ValueError(message)
    return value


def is_id(text: str) -> bool:
    """Whether it has the form of an id."""
    return bool(_ID.fullmatch(text))
