"""What a long-running verb writes to stderr: a constant text, and the fields that came with it."""

from __future__ import annotations

import logging

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """``WARNING cantor.node: seed not reached seed=10.0.0.1:7434 reason='Connection refused'``."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (a name of logging)
        """The text, then each field as ``name=value``; what holds spaces is quoted."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        return " ".join([super().formatMessage(record), *map(_field, fields.items())])


def start_logging(*, verbose: bool = False) -> None:
    """Write warnings to stderr, or with ``verbose`` what happens in the normal course as well."""
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter())
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])


def _field(pair: tuple[str, object]) -> str:
    name, value = pair
    text = str(value)
    is_plain = text.isprintable() and text and not set(text) & set(" ='\"")
    return f"{name}={text if is_plain else repr(text)}"
