"""One unit after another in a worker: its function found, called, and what comes of it told."""

from __future__ import annotations

import asyncio
import inspect
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cantor.bundles.code import Code
from cantor.bundles.loading import classes_of, load
from cantor.bundles.values import pack, unpack
from cantor.workers.failures import out_of_memory, pack_failure
from cantor.workers.limits import memory_of
from cantor.workers.messages import (
    DONE,
    FAILED,
    ITEM,
    NO_ARGUMENTS,
    SETUP,
    check_size,
    found,
    placed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.messages import Message
    from cantor.workers.slots import SlotReader, SlotWriter

_OUR_FRAMES = 2
"""Of a traceback: those of this module are not shown."""


STOPPED = [None, "cancelled", "it was cancelled", ""]
"""The failure of a unit that nobody waits for."""


class Stopped(BaseException):
    """Raised in the function that runs, so that its ``finally`` blocks run too."""


class Library:
    """The code that a worker has learnt, and what its setup returned. Thread-safe."""

    def __init__(self) -> None:
        self._codes: dict[int, Code] = {}
        self._functions: dict[int, Callable[..., Any]] = {}
        self.kept: Any = None
        """What the worker's setup returned."""

    def learn(self, number: int, code_id: str, data: bytes) -> None:
        """Units will name this code by that number."""
        self._codes[number] = Code.decode(data, code_id)

    def code(self, number: int) -> Code:
        """The code of that number."""
        return self._codes[number]

    def function(self, number: int, method: str) -> Callable[..., Any]:
        """What to call: the code, or a method of what the setup returned."""
        found = self._functions.get(number)
        if found is None:
            found = self._functions[number] = load(self._codes[number])
        return getattr(self.kept, method) if method else found


class Execution:
    """Runs units one after the other; ``tell`` sends a message."""

    def __init__(
        self,
        library: Library,
        tell: Callable[[Message], None],
        reader: SlotReader | None,
        writer: SlotWriter | None,
        may_give: Callable[[int], bool],
    ) -> None:
        """``may_give`` waits until a stream's unit may send an item; False if nobody wants more."""
        self._library = library
        self._tell = tell
        self._reader = reader
        self._writer = writer
        self._may_give = may_give
        self.unit: int | None = None
        """The one that runs."""
        self.is_inside = False
        """Whether its function runs now, and not what is around it."""
        self.entering: Callable[[], None] = lambda: None
        """Called right before a function is."""

    def run(self, message: Message) -> None:
        """Run one unit and tell its end."""
        _, unit, number, body, told, memory_bytes, is_stream, method, _ = message
        self.unit = unit
        began = time.perf_counter()
        try:
            with memory_of(memory_bytes):
                try:
                    end = self._call(unit, number, body, told, is_stream, method)
                finally:
                    self.is_inside = False
            end[2] = time.perf_counter() - began
        except Stopped:
            raise
        except MemoryError as error:
            is_ours = memory_bytes is not None
            failure = out_of_memory(memory_bytes, error) if is_ours else pack_failure(error)
            end = [FAILED, unit, time.perf_counter() - began, failure]
        except BaseException as error:  # noqa: BLE001 (SystemExit is the task's, not the worker's)
            failure = pack_failure(error, skip=_OUR_FRAMES)
            end = [FAILED, unit, time.perf_counter() - began, failure]
        self.unit = None
        self._tell(end)

    async def run_beside(self, message: Message) -> None:
        """Run one unit on the event loop, beside others."""
        _, unit, number, body, told, _, _, method, _ = message
        began = time.perf_counter()
        try:
            function = self._library.function(number, method)
            args, kwargs = self._arguments(number, body, told)
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                result = await result
            end = self._done(unit, result)
            end[2] = time.perf_counter() - began
        except asyncio.CancelledError:
            end = [FAILED, unit, time.perf_counter() - began, STOPPED]
        except BaseException as error:  # noqa: BLE001 (SystemExit is the call's, not the worker's)
            failure = pack_failure(error, skip=1)
            end = [FAILED, unit, time.perf_counter() - began, failure]
        self._tell(end)

    def _call(
        self,
        unit: int,
        number: int,
        body: bytes,
        told: Iterable[Any],
        is_stream: bool,
        method: str,
    ) -> Message:
        function = self._library.function(number, method)
        args, kwargs = self._arguments(number, body, told)
        self.is_inside = True
        self.entering()
        result = function(*args, **kwargs)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        if is_stream:
            self._give(unit, result)
            result = None
        self.is_inside = False
        if unit == SETUP:
            self._library.kept, result = result, None
        return self._done(unit, result)

    def _done(self, unit: int, result: object) -> Message:
        return [DONE, unit, 0.0, *self._packed(result)]

    def _packed(self, value: object) -> tuple[bytes, Sequence[Any]]:
        """What a message says of a value, and where its buffers are."""
        buffers: list[Buffer] = []
        packed = pack(value, buffers)
        check_size(packed, buffers)
        return packed, placed(buffers, self._writer)

    def _arguments(self, number: int, body: bytes, told: Iterable[Any]) -> Any:  # noqa: ANN401
        if body == NO_ARGUMENTS:
            return (), {}
        classes = classes_of(self._library.code(number))
        return unpack(body, found(list(told), self._reader), classes=classes)

    def _give(self, unit: int, items: Any) -> None:  # noqa: ANN401 (whatever the function returned)
        iterator: Iterator[Any] = iter(items)
        try:
            for item in iterator:
                self.is_inside = False
                if not self._may_give(unit):
                    return
                self._tell([ITEM, unit, *self._packed(item)])
                self.is_inside = True
        finally:
            with suppress(AttributeError):
                iterator.close()  # type: ignore[attr-defined]
