"""Programs that put and take messages until they are killed, and note what they were told.

queue_roles.py produce|consume|poll FOLDER NODE QUEUE JOURNAL FIRST

A note is one write, so it outlives the program: ``time what number``. ``put`` and ``acked`` are
noted when the node has confirmed them, ``took`` as soon as a message is there.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import count
from pathlib import Path

import cantor
from cantor.base.errors import CantorError, ConflictError

AT_ONCE = 8
POLL_S = 50.0


class Journal:
    """Where a program notes."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, what: str, number: object) -> None:
        os.write(self._file, f"{time.monotonic()} {what} {number}\n".encode())


def produce(queue: cantor.queue, journal: Journal, first: int) -> None:
    for start in count(first, AT_ONCE):
        numbers = [start] if start % 3 else list(range(start, start + AT_ONCE))
        try:
            queue.put_all(numbers)
        except CantorError as error:
            journal.note("refused", type(error).__name__)
            continue  # whether they are there is not known: they are never put again
        for number in numbers:
            journal.note("put", number)


def consume(queue: cantor.queue, journal: Journal) -> None:
    while True:
        try:
            for message in queue.take(wait_s=0.5, count=AT_ONCE):
                journal.note("took", message.value)
                try:
                    message.ack()
                except ConflictError:
                    journal.note("late", message.value)
                else:
                    journal.note("acked", message.value)
        except CantorError as error:
            journal.note("refused", type(error).__name__)


def poll(queue: cantor.queue, journal: Journal) -> None:
    journal.note("polls", 0)
    for message in queue.take(wait_s=POLL_S):
        journal.note("took", message.value)


def main(role: str, folder: str, node: str, name: str, path: str, first: str) -> None:
    journal = Journal(path)
    with cantor.connect(Path(folder)):
        queue = cantor.queue(name, node, timeout_s=3.0)
        if role == "produce":
            produce(queue, journal, int(first))
        else:
            {"consume": consume, "poll": poll}[role](queue, journal)


if __name__ == "__main__":
    main(*sys.argv[1:])
