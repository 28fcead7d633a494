"""Objects that tasks of this node have as arguments: none is deleted while its task goes on."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError
from cantor.base.object_ref import ObjectRef
from cantor.node.state.wording import ASK_S, Answer, pack_question

if TYPE_CHECKING:
    from cantor.node.services import Node
    from cantor.node.state.service import State
    from cantor.node.state.wording import Args

HOLD_S, AGAIN_S = 240.0, 80.0
"""Its owner is told for so long, and again so often: it may have been started anew."""
_log = logging.getLogger(__name__)


def refs_of(objects: str) -> list[ObjectRef]:
    """The references in the terms of a task; what is none is left out."""
    found = []
    for text in objects.split():
        try:
            found.append(ObjectRef.parse(text))
        except ValueError:
            continue
    return found


class ObjectHolds:
    """On the event loop only."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._holding: dict[int, asyncio.Task[None]] = {}

    def begin(self, task: int, objects: str) -> None:
        """A task has these as arguments."""
        refs = refs_of(objects)
        if refs and self._node.service("state") is not None:
            self._holding[task] = asyncio.ensure_future(self._hold(refs))

    def end(self, task: int) -> None:
        """It has ended."""
        holding = self._holding.pop(task, None)
        if holding is not None:
            holding.cancel()

    async def _hold(self, refs: list[ObjectRef]) -> None:
        token = secrets.token_hex(16)
        try:
            while True:
                for ref in refs:
                    await self._say(ref, token, HOLD_S)
                await asyncio.sleep(AGAIN_S)
        finally:
            for ref in refs:
                letting_go = asyncio.ensure_future(self._say(ref, token, 0))
                _letting_go.add(letting_go)
                letting_go.add_done_callback(_letting_go.discard)

    async def _say(self, ref: ObjectRef, token: str, seconds: float) -> None:
        state = cast("State", self._node.service("state"))
        args: Args = {"k": ref.key, "t": token, "s": seconds}
        try:
            answer = state.ask("object", pack_question("hold", ref.owner, args, ASK_S), ())
            if not isinstance(answer, Answer):
                await answer
        except CantorError as error:  # its task will tell, if it misses it
            _log.info("an object is not held", extra={"object": str(ref), "reason": str(error)})


_letting_go: set[asyncio.Future[None]] = set()
