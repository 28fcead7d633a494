"""The one tree of Cantor's errors.

    CantorError
    ├── ConfigError           a file or option that a person wrote is wrong        exit 2
    │   ├── ExpressionError   needs that cannot be read, with the column           exit 2
    │   └── NeedsError        needs that no node can ever meet                     exit 2
    ├── LocalProtocolError    our own code broke the protocol's rules              exit 70
    ├── RemoteProtocolError   bytes from another party broke them                  exit 76
    ├── IdentityError         a key, certificate or token does not hold            exit 77
    │   └── EnrolmentError    a hub refused to make this box a node                exit 77
    ├── DeviceError           hardware is missing or does not answer               exit 74
    ├── UnavailableError      a party that must answer cannot be reached           exit 69
    │   ├── GrantError        units of a resource are not granted, or were lost    exit 69
    │   └── SecretError       a secret is not there, or not for who asks           exit 69
    ├── NotFoundError         what is asked for is not there                       exit 1
    ├── ConflictError         somebody else has changed it meanwhile               exit 75
    ├── MissedError           more has changed than is remembered                  exit 75
    ├── ModelError            a model file cannot be used                          exit 65
    └── BundleError           code, or what it needs, cannot be used here          exit 65
        ├── NotShippable      a function that cannot be taken to another node      exit 65
        ├── NotSerialisable   a value that cannot be taken to another node         exit 65
        ├── WrongHash         a wheel that is not the one that was meant           exit 65
        └── WrongPlatform     a wheel made for other machines or another Python    exit 65

Exit codes follow BSD ``sysexits.h`` where it has a fitting one.
"""

from __future__ import annotations

import os
from typing import ClassVar


class CantorError(Exception):
    """An error that says what is wrong, where, and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f" — {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{mend}"


def reason_of(error: OSError) -> str:
    """Why the system refused, in its own words: without the number and what a library adds."""
    told = getattr(error, "reason", None)  # of OpenSSL, whose numbers are its own
    if isinstance(told, str):
        return told
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__


class ConfigError(CantorError):
    """A file or option that a person wrote is wrong."""

    exit_code = 2


class LocalProtocolError(CantorError):
    """Our own code broke the protocol's rules: a bug here."""

    exit_code = 70


class RemoteProtocolError(CantorError):
    """Bytes from another party broke the protocol's rules: never a crash here."""

    exit_code = 76


class IdentityError(CantorError):
    """A key, certificate or token does not hold."""

    exit_code = 77


class EnrolmentError(IdentityError):
    """A hub refused to make this box a node."""


class DeviceError(CantorError):
    """Hardware is missing or does not answer."""

    exit_code = 74


class UnavailableError(CantorError):
    """A party that must answer cannot be reached."""

    exit_code = 69


class ExpressionError(ConfigError):
    """Needs that cannot be read, or do not fit what nodes have; ``column`` counts from 1.

    ``advice`` is the remedy without the line that shows the place.
    """

    def __init__(self, what: str, *, column: int, advice: str, shown: str) -> None:
        self.column = column
        self.advice = advice
        super().__init__(what, where=f"needs, column {column}", remedy=f"{advice}\n{shown}")


class NeedsError(ConfigError):
    """Needs that no node can ever meet: waiting is no use."""


class GrantError(UnavailableError):
    """Units of a resource are not granted, or what was granted is held no more."""


class NotFoundError(CantorError):
    """What is asked for is not there."""


class ConflictError(CantorError):
    """It is not as expected: somebody else has changed it meanwhile."""

    exit_code = 75


class MissedError(CantorError):
    """More has changed since than is remembered: what was missed cannot be told."""

    exit_code = 75


class SecretError(UnavailableError):
    """A secret is not there, or is not for who asks for it."""


class ModelError(CantorError):
    """A model file cannot be used."""

    exit_code = 65


class BundleError(CantorError):
    """Code that came here, or what it needs, cannot be used."""

    exit_code = 65


class NotShippable(BundleError):  # noqa: N818 (the name already says what is wrong)
    """A function cannot be taken to another node."""


class NotSerialisable(BundleError):  # noqa: N818 (the name already says what is wrong)
    """A value cannot be taken to another node."""


class WrongHash(BundleError):  # noqa: N818 (the name already says what is wrong)
    """A wheel has another hash than the one that is asked for."""


class WrongPlatform(BundleError):  # noqa: N818 (the name already says what is wrong)
    """A wheel is made for other machines or another Python."""
