"""The projects of a tenant: declared by its authority, all at once, and the later word holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, IdentityError
from cantor.identity.statements import Statement, make_statement
from cantor.scheduling.shares.terms import PROJECTS_MAX, Terms, check_name, terms_from_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.identity.authority import Authority
    from cantor.wire.frame import Value

PROJECTS = "projects"


@dataclass(frozen=True, slots=True)
class Projects:
    """What each project may have of the pool; of two lists the later ``stamp`` holds."""

    stamp: int = 0
    terms: Mapping[str, Terms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            ConfigError: a project cannot be called so, or there are too many.
        """
        for name in self.terms:
            check_name(name)
        if len(self.terms) > PROJECTS_MAX:
            raise ConfigError(
                f"a tenant has {PROJECTS_MAX} projects at most",
                where="project",
                remedy="remove one",
            )


def make_projects(authority: Authority, projects: Projects, now_s: float) -> Statement:
    """Let the authority of a tenant declare them."""
    listed: Value = {name: terms.as_value() for name, terms in projects.terms.items()}
    content = {"stamp": projects.stamp, "projects": listed}
    return make_statement(authority, PROJECTS, content, now_s)


def projects_in(statement: Statement) -> Projects:
    """The projects that a checked statement holds.

    Raises:
        IdentityError: it is malformed.
    """
    stamp, listed = (statement.content.get(name) for name in ("stamp", "projects"))
    try:
        if type(stamp) is not int or not isinstance(listed, dict) or len(listed) > PROJECTS_MAX:
            raise TypeError
        return Projects(stamp, {str(n): terms_from_value(value) for n, value in listed.items()})
    except (TypeError, ConfigError) as error:
        raise IdentityError("projects of the wrong shape", where="identity") from error
