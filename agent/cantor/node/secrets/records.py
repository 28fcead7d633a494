"""What the mesh knows of a secret: who set which version of it when, and that it was removed.

Each version is a signed word in the fact ``secret/<tenant>/<project>/<name>``. Every node that
keeps the secret says the word of the version that it keeps; one that has erased it says the word
that removed it. No word says anything about the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.secret_names import check_secret_name, is_secret_name
from cantor.scheduling.shares.terms import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.identity.words import Word
    from cantor.wire.frame import Value

KIND = "secret"
FACT = "secret/"
VERSION_MAX = 2**53
WHO_MAX = 128
Wanted = Literal["kept", "removed"]
WANTED = ("kept", "removed")


class SecretKey(NamedTuple):
    """Which secret: names belong to a project of a tenant."""

    tenant: str
    project: str
    name: str

    @property
    def fact(self) -> str:
        """The name of the facts about it."""
        return f"{FACT}{self.tenant}/{self.project}/{self.name}"

    @property
    def file(self) -> str:
        """The name of the file with it; neither of the two holds an equals sign."""
        return f"{self.project}={self.name}"


@dataclass(frozen=True, slots=True)
class Record:
    """One version. ``by`` is the node that has signed it, ``who`` the person as it says; ``at`` is
    UTC seconds.
    """

    key: SecretKey
    version: int
    wanted: Wanted
    at: float
    who: str
    by: NodeId

    @property
    def rank(self) -> tuple[int, bool, NodeId]:
        """The highest holds; of two that were made at once, a removal does."""
        return self.version, self.wanted == "removed", self.by

    @property
    def is_kept(self) -> bool:
        """Whether it says that there is a value."""
        return self.wanted == "kept"

    def content(self) -> dict[str, Value]:
        """What is signed."""
        return {
            "tenant": self.key.tenant,
            "project": self.key.project,
            "name": self.key.name,
            "version": self.version,
            "wanted": self.wanted,
            "at": self.at,
            "who": self.who[:WHO_MAX],
        }


def key_of(fact_name: str) -> SecretKey | None:
    """The secret that a fact is about; None if it is about none."""
    parts = fact_name.removeprefix(FACT).split("/")
    if not fact_name.startswith(FACT) or len(parts) != 3:
        return None
    key = SecretKey(*parts)
    return key if key.tenant and _is_project(key.project) and is_secret_name(key.name) else None


def checked_key(tenant: str, project: str, name: str) -> SecretKey:
    """The key of a secret that a person names.

    Raises:
        ConfigError: no secret or project can be called so.
    """
    return SecretKey(tenant, check_name(project), check_secret_name(name))


def record_from(word: Word, key: SecretKey) -> Record:
    """The version that a word tells of.

    Raises:
        RemoteProtocolError: it is about another secret, or of another shape.
    """
    told: Mapping[str, Value] = word.content
    version, at, who = told.get("version"), told.get("at"), told.get("who")
    if (told.get("tenant"), told.get("project"), told.get("name")) != key:
        raise RemoteProtocolError("a word about another secret", where=key.fact)
    if word.tenant != key.tenant:
        raise RemoteProtocolError("a secret that a node of another tenant has set", where=key.fact)
    if type(version) is not int or not 0 < version < VERSION_MAX:
        raise _wrong(key, "version")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e12:
        raise _wrong(key, "time")
    if not isinstance(who, str) or len(who) > WHO_MAX or told.get("wanted") not in WANTED:
        raise _wrong(key, "author")
    return Record(key, version, cast("Wanted", told["wanted"]), float(at), who, word.by)


def _is_project(name: str) -> bool:
    try:
        check_name(name)
    except ConfigError:
        return False
    return True


def _wrong(key: SecretKey, what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"a word about a secret with a {what} that is none", where=key.fact)
