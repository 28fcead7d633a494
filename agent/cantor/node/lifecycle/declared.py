"""The projects that a node's tenant has declared: heard from issuers, kept, and changed by them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.identity.projects import PROJECTS, Projects, make_projects, projects_in
from cantor.node.lifecycle.decided import Decided, Kind
from cantor.scheduling.shares.terms import DEFAULT_PROJECT, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.identity.authority import Authority
    from cantor.identity.statements import Statement, StatementReader
    from cantor.identity.store import IdentityFolder
    from cantor.node.services import Call, Node
    from cantor.wire.frame import Value

_KIND = Kind(PROJECTS, Projects(), make_projects, projects_in)


class Declared(Decided[Projects]):
    """``changed`` is called when other projects hold, or others terms."""

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        reader: StatementReader,
        *,
        authority: Authority | None,
        changed: Callable[[], None],
    ) -> None:
        self._changed: Callable[[], None] = lambda: None
        super().__init__(node, folder, reader, _KIND, authority=authority)
        self._changed = changed

    @property
    def terms(self) -> Mapping[str, Terms]:
        """What each project of this node's tenant may have; another object when that changes."""
        return self.of(self._node.tenant).terms

    def calls(self) -> Mapping[str, Call]:
        """What a process of the same user may ask."""
        return {
            "project.list": lambda _: self._listed(),
            "project.set": self._call_set,
            "project.remove": self._call_remove,
        }

    def _call_set(self, args: dict[str, Value]) -> Value:
        """Declare one, or change what is given; a limit of None is taken away."""
        name, given = str(args.get("name", "")), args.get("limits")
        limits = given if isinstance(given, dict) else {}

        def change(known: Projects) -> Projects:
            terms = known.terms.get(name, Terms())
            kept = {n: most for n, most in terms.limits.items() if n not in limits}
            more = {n: most for n, most in limits.items() if most is not None}
            wanted = {n: args[n] for n in ("share", "priority") if args.get(n) is not None}
            changed = replace(
                terms,
                limits=cast("dict[str, int | float]", {**kept, **more}),
                **cast("dict[str, int]", wanted),
            )
            return replace(known, terms={**known.terms, name: changed})

        self._decide(change, "declare projects")
        return self._listed()

    def _call_remove(self, args: dict[str, Value]) -> Value:
        name = str(args.get("name", ""))

        def change(known: Projects) -> Projects:
            if name not in known.terms:
                raise ConfigError(
                    "there is no such project", where=name[:64], remedy="cantor project list"
                )
            return replace(known, terms={n: t for n, t in known.terms.items() if n != name})

        self._decide(change, "remove projects")
        return self._listed()

    def _listed(self) -> Value:
        """Every project; the default one is always there."""
        known = {DEFAULT_PROJECT: Terms(), **self.terms}
        return [{"project": name, **known[name].as_value()} for name in sorted(known)]

    def _take(self, statement: Statement) -> bool:
        is_new = super()._take(statement)
        if is_new and statement.tenant == self._node.tenant:
            self._changed()
        return is_new
