"""Secrets in the parameters of filters: ``secret://NAME`` stands there in place of a value."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.secret_names import REFERENCE, named_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cantor.base.secret_names import Cover
    from galaxy.pipeline import Pipeline


def names_in(pipeline: Pipeline, filters: Iterable[str]) -> tuple[str, ...]:
    """The secrets that the parameters of these filters name, each once."""
    found = (
        named
        for name in filters
        if name in pipeline.filters
        for value in pipeline.filters[name].params.values()
        for named in references(value)
    )
    return tuple(sorted(set(found)))


def references(value: object) -> Iterator[str]:
    """The names that one parameter's value holds."""
    for part in value if isinstance(value, list | tuple) else (value,):
        name = named_in(part)
        if name is not None:
            yield name


def resolved(params: Mapping[str, object], secrets: Mapping[str, str]) -> dict[str, object]:
    """The parameters with values in place of references.

    Raises:
        ConfigError: there is no value of that name.
    """
    return {key: _resolved(value, secrets) for key, value in params.items()}


def _resolved(value: object, secrets: Mapping[str, str]) -> object:
    if isinstance(value, list | tuple):
        return [_resolved(part, secrets) for part in value]
    name = named_in(value)
    if name is None:
        return value
    if name not in secrets:
        raise ConfigError(
            "only a deployed pipeline is given secrets",
            where=f"{REFERENCE}{name[:64]}",
            remedy="deploy it: cantor pipeline deploy",
        )
    return secrets[name]


def cover_logs(cover: Callable[[], Cover]) -> None:
    """Cover values in all that this process logs from now on, whoever logs it."""
    make = logging.getLogRecordFactory()

    def covered(*args: object, **more: object) -> logging.LogRecord:
        record = make(*args, **more)
        told = cover()
        if told:
            record.msg, record.args = told.text(record.getMessage()), ()
            if record.exc_info:
                record.exc_text = told.text(logging.Formatter().formatException(record.exc_info))
        return record

    logging.setLogRecordFactory(covered)
