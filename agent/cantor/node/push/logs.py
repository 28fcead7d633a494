"""What a service prints, line by line, on its way into the node's logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.node.logs.lines import LINE_BYTES_MAX, service_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.base.secret_names import Cover
    from cantor.services.orders import Key


class Log:
    """Hands whole lines to ``put``, with the source that they are from."""

    def __init__(self, key: Key, put: Callable[[str, Iterable[str]], None]) -> None:
        self._source = service_source(key.name)
        self._put = put
        self._rest = b""

    def feed(self, data: bytes, cover: Cover | None = None) -> list[str]:
        """Take what a process printed; the lines that are whole now, with its secrets covered."""
        data = self._rest + data
        *lines, self._rest = (cover.data(data) if cover else data).split(b"\n")
        while len(self._rest) > LINE_BYTES_MAX:
            lines.append(self._rest[:LINE_BYTES_MAX])
            self._rest = self._rest[LINE_BYTES_MAX:]
        texts = [line[:LINE_BYTES_MAX].decode("utf-8", "replace") for line in lines]
        self._put(self._source, texts)
        return texts

    def end(self) -> None:
        """The process prints no more: what is left of a line is one."""
        rest, self._rest = self._rest, b""
        if rest:
            self._put(self._source, [rest.decode("utf-8", "replace")])

    def note(self, text: str) -> None:
        """A line of the node itself."""
        self._put(self._source, [f"--- {text}"])
