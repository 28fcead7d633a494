"""What a long-running verb says of itself: a constant text, and the fields that came with it."""

from __future__ import annotations

import logging

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """``cantor.node: seed not reached seed=10.0.0.1:7434 reason='Connection refused'``.

    With ``has_level`` it begins with ``WARNING``.
    """

    def __init__(self, *, has_level: bool = True) -> None:
        super().__init__(f"{'%(levelname)s ' * has_level}%(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (a name of logging)
        """The text, then each field as ``name=value``; what holds spaces is quoted."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        return " ".join([super().formatMessage(record), *map(_field, fields.items())])


def start_logging(*, verbose: bool = False) -> None:
    """Write warnings to stderr, or with ``verbose`` what happens in the normal course as well.

    What happens in the normal course reaches handlers that are added later in any case.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter())
    handler.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in ("aiohttp.access", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _field(pair: tuple[str, object]) -> str:
    name, value = pair
    text = str(value)
    is_plain = text.isprintable() and text and not set(text) & set(" ='\"")
    return f"{name}={text if is_plain else repr(text)}"
