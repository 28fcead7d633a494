"""Who asks for secrets: a service or a pipeline, on a node; and who says whether it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cantor.base.errors import RemoteProtocolError
from cantor.node.secrets.records import SecretKey, key_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.base.ids import NodeId
    from cantor.node.services import Message

ABOUT_MAX = 128

Judge: TypeAlias = "Callable[[NodeId, str, SecretKey], str | Awaitable[str]]"
"""Why a node may not have a secret for the thing of that name; "" if it may."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that runs on this node and names secrets of its project.

    ``kind`` says who judges it, on this node and where a secret is kept; ``about`` which it is.
    """

    kind: str
    about: str
    tenant: str
    project: str
    names: tuple[str, ...]

    @property
    def keys(self) -> tuple[SecretKey, ...]:
        """The secrets."""
        return tuple(SecretKey(self.tenant, self.project, name) for name in self.names)


def asked_in(message: Message, tenant: str) -> tuple[SecretKey, str, str]:
    """What another node asks for: the secret, and for what.

    Raises:
        RemoteProtocolError: it asks for nothing.
    """
    project, name, kind, about = (
        message.headers.get(part) for part in ("project", "name", "kind", "about")
    )
    key = key_of(SecretKey(tenant, str(project), str(name)).fact)
    if key is None or not isinstance(kind, str) or not isinstance(about, str):
        raise RemoteProtocolError("it asks for no secret", where="secret")
    if len(about) > ABOUT_MAX:
        raise RemoteProtocolError("it asks for something with too long a name", where="secret")
    return key, kind, about
