"""Which of the tasks that are remembered are asked for: a page of a list, or what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from cantor.base.ids import NodeId
    from cantor.scheduling.tasks.stories import Stories
    from cantor.scheduling.tasks.story import Story

    Key = tuple[float, str]

EVERYWHERE = "*"
"""At which node they were submitted: at any."""
PAGE_MAX = 200
"""So many tasks are told of at once."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What a task must be to be found; blank fields do not matter.

    ``node`` is where it was submitted or was sent to, ``function`` its name, ``text`` stands in its
    id, name, needs or why, in capitals or not, and ``parent`` has submitted it.
    """

    project: str = ""
    states: AbstractSet[str] = frozenset()
    node: str = ""
    function: str = ""
    text: str = ""
    parent: str = ""

    def has(self, story: Story, home: NodeId, name: str) -> bool:
        """Whether it is one; ``name`` is the id by which it goes in the mesh."""
        about = story.about
        if self.states and story.state not in self.states:
            return False
        if self.function and about.name != self.function:
            return False
        if self.parent and about.parent != self.parent:
            return False
        if self.node and self.node != home and all(a.node != self.node for a in story.attempts):
            return False
        if not self.text:
            return True
        text = self.text.casefold()
        told = (name, story.durable_id, about.name, about.needs, story.why)
        return any(text in one.casefold() for one in told)


def place_of(row: Mapping[str, Any]) -> Key:
    """By what all tasks of a mesh are put in order, of one as it is told."""
    return row["submitted"], row["id"]


def page(
    stories: Stories,
    sought: Sought,
    limit: int,
    key: Callable[[Story], Key],
    before: Key | None = None,
) -> tuple[list[Story], bool]:
    """Those that were submitted last, and whether there are more.

    ``key`` is by what all tasks of a mesh are put in order, its second part their id; those from
    ``before`` on are left out.
    """
    found: list[Story] = []
    for story in stories.newest(sought.project):
        place = key(story)
        if (before is None or place < before) and sought.has(story, stories.home, place[1]):
            if len(found) == limit:
                return found, True
            found.append(story)
    return found, False


def changes(stories: Stories, since: int, window: int, project: str = "") -> list[Story]:
    """Which of the ``window`` tasks that were submitted last have changed since that revision."""
    newest = islice(stories.newest(project), window)
    return [story for story in newest if story.revision > since]
