"""What the API says and hears about secrets. It hears values, and says none."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cantor.base.secret_names import NAME_PATTERN, VALUE_BYTES_MAX
from edge_hub.schemas import NodeState  # noqa: TC001 (msgspec reads the annotations)

SecretName = Annotated[str, Meta(pattern=f"^{NAME_PATTERN}$", max_length=64)]
SecretText = Annotated[str, Meta(min_length=1, max_length=VALUE_BYTES_MAX)]


class SecretNode(msgspec.Struct):
    """A node that keeps a secret, sealed; ``is_current``: in the version that holds."""

    id: str
    name: str
    state: NodeState
    version: int
    is_current: bool


class Secret(msgspec.Struct):
    """A secret of a project: never its value.

    ``who`` has set this version, at ``at``, on the node ``by``. ``elsewhere`` counts nodes of other
    projects that keep it.
    """

    id: str
    name: str
    version: int
    at: str
    who: str
    by: str
    nodes: list[SecretNode]
    elsewhere: int


class SecretList(msgspec.Struct):
    """Every secret of a project."""

    items: list[Secret]


class NewSecret(msgspec.Struct, forbid_unknown_fields=True):
    """A secret that there is not yet; its value is a text."""

    name: SecretName
    value: SecretText


class SecretChange(msgspec.Struct, forbid_unknown_fields=True):
    """Another value."""

    value: SecretText
