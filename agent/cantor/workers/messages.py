"""What a pool and its workers say to each other: a stream of msgpack arrays over a socket pair.

Each begins with one of the numbers below. A *body* is a packed value (``cantor.bundles.values``), a
*buffer* raw bytes, or ``[slot, bytes]`` if it lies in shared memory (``slots``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import NotSerialisable, RemoteProtocolError
from cantor.base.units import format_size
from cantor.bundles.code import CODE_BYTES_MAX
from cantor.bundles.values import pack
from cantor.workers.slots import SHARED_BYTES_MIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.slots import SlotReader, SlotWriter

CODE, RUN, RECALL, ANSWER, CREDIT, LEAVE, STOP = range(7)
"""To a worker:

CODE    number, code                       what later units name by this number
RUN     unit, code number, body, buffers, memory bytes | nil, is stream, method, mode
RECALL                                     give back what has not begun
ANSWER  child, outcome, content, buffers   of a unit that the worker submitted: its end, or an item
CREDIT  unit                               the caller took an item of its stream
LEAVE                                      end when what runs is done
STOP    unit                               nobody waits for it; others run beside it
"""
READY, DONE, FAILED, ITEM, RETURNED, SAID, WROTE, CHILD, DROP, TAKEN = range(10, 20)
"""From a worker:

READY     process                          its number outside any sandbox
DONE      unit, seconds, body, buffers
FAILED    unit, seconds, failure           see ``cantor.workers.failures``
ITEM      unit, body, buffers
RETURNED  units
SAID      unit, fraction, text             its progress
WROTE     unit | nil, descriptor, text
CHILD     child, unit, code, its data | nil, terms, body, buffers    a nested submit
DROP      child                            nobody wants it any more
TAKEN     child, count                     items of its stream; 0 if no more are wanted
"""
SETUP = 0
"""The number of the unit that comes before all others of a worker, which keeps its result."""
ITEMS_AHEAD = 16
"""So many items of a stream may be on their way before its caller takes one."""

VALUE_BYTES_MAX = 1 << 30
"""Of a value that a worker sends, with its buffers: as of what travels between nodes."""
MESSAGE_BYTES_MAX = VALUE_BYTES_MAX + CODE_BYTES_MAX + (1 << 20)
"""Of what a worker says at once; the pool keeps no more of it in memory."""
TEXT_BYTES_MAX = 4 * 1024 * 1024
"""Of each text that a worker says, in UTF-8."""
ITEMS_MAX = 4096
"""Of each list that a worker says: five of its bytes can make room for so many here."""

NO_ARGUMENTS = pack([[], {}], [])
"""The body of a call without any: what is known need not be packed and read each time."""
Message = list[Any]
pack_message = msgpack.Packer(unicode_errors="surrogatepass").pack
_NONE: tuple[()] = ()


class Stream:
    """The messages in what one side receives. A pool ``is_wary`` of its workers, which run code of
    others; they are not of it.
    """

    def __init__(self, *, is_wary: bool = False) -> None:
        limits: dict[str, int] = {"max_buffer_size": 0}
        if is_wary:
            limits = {
                "max_buffer_size": MESSAGE_BYTES_MAX,
                "max_str_len": TEXT_BYTES_MAX,
                "max_array_len": ITEMS_MAX,
                "max_map_len": 0,
                "max_ext_len": 0,
            }
        self._unpacker = msgpack.Unpacker(
            raw=False, strict_map_key=False, unicode_errors="surrogatepass", **limits
        )

    def feed(self, data: Buffer) -> Iterator[Message]:
        """The messages that are complete now.

        Raises:
            RemoteProtocolError: the bytes are no messages.
        """
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                if type(message) is not list or not message:
                    raise RemoteProtocolError("not a message of a worker")
                yield message
        except msgpack.BufferFull as error:
            raise RemoteProtocolError(
                f"a message of a worker with more than {format_size(MESSAGE_BYTES_MAX)}"
            ) from error
        except (ValueError, msgpack.UnpackException) as error:
            raise RemoteProtocolError(f"not a message of a worker: {error}") from error


def check_size(packed: bytes, buffers: Sequence[Buffer]) -> None:
    """Look whether a worker may send a value.

    Raises:
        NotSerialisable: it is too large.
    """
    size = len(packed) + sum(memoryview(one).nbytes for one in buffers)
    if size > VALUE_BYTES_MAX:
        raise NotSerialisable(
            f"the value takes {format_size(size)} (limit {format_size(VALUE_BYTES_MAX)})",
            remedy="give it in parts, as items of a stream, or write it to a file",
        )


def placed(buffers: Sequence[Buffer], writer: SlotWriter | None) -> Sequence[Any]:
    """How buffers are told: large ones by their slot, if one is free."""
    if not buffers:
        return _NONE
    return [_place(buffer, writer) for buffer in buffers]


def found(told: Sequence[Any], reader: SlotReader | None) -> Sequence[Buffer]:
    """The buffers that were told.

    Raises:
        RemoteProtocolError: one is in no slot.
    """
    if not told:
        return _NONE
    return [one if type(one) is bytes else _in_slot(one, reader) for one in told]


def _place(buffer: Buffer, writer: SlotWriter | None) -> Any:  # noqa: ANN401
    view = memoryview(buffer)
    if writer is not None and view.nbytes >= SHARED_BYTES_MIN:
        place = writer.hand_over((view,))
        if place is not None:
            return place
    return view.cast("B") if view.ndim != 1 or view.format != "B" else view


def _in_slot(place: Any, reader: SlotReader | None) -> Buffer:  # noqa: ANN401
    if reader is None:
        raise RemoteProtocolError("a buffer in shared memory, and there is none")
    return reader.body(place)[0]
