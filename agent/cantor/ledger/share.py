"""The facts of one owner, and how much they take of what an owner may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantor.ledger.facts import Batch, Fact

FACTS_PER_OWNER_MAX = 256
FACTS_EVER_PER_OWNER_MAX = 4096
"""With the withdrawn, which every node remembers: the older value must not come back."""
BYTES_PER_OWNER_MAX = 1024 * 1024


class Share:
    """``facts`` by name, each with the batch that holds it; changed by ``keep`` and ``drop``.

    What they take is counted along, so that a change costs what it changes, however much there is.
    """

    def __init__(self) -> None:
        self.facts: dict[str, tuple[Fact, Batch]] = {}
        self._said = 0
        self._bytes = 0
        self._uses: dict[bytes, int] = {}  # facts in each batch, by its signature

    def has_batch(self, signature: bytes) -> bool:
        """Whether a fact of the batch with this signature is held."""
        return signature in self._uses

    def fits(self, batch: Batch, facts: list[Fact]) -> bool:
        """Whether the owner may say this as well."""
        said, ever, size = self._said, len(self.facts), self._bytes + len(batch.data)
        freed: dict[bytes, int] = {}
        for name, fact in {fact.name: fact for fact in facts}.items():
            before = self.facts.get(name)
            said += fact.value is not None
            if before is None:
                ever += 1
                continue
            said -= before[0].value is not None
            signature = before[1].signature
            freed[signature] = freed.get(signature, 0) + 1
            if freed[signature] == self._uses[signature]:
                size -= len(before[1].data)
        return (
            said <= FACTS_PER_OWNER_MAX
            and ever <= FACTS_EVER_PER_OWNER_MAX
            and size <= BYTES_PER_OWNER_MAX
        )

    def keep(self, batch: Batch, facts: list[Fact]) -> None:
        """Hold facts in place of those of the same names."""
        uses = self._uses
        if batch.signature not in uses:
            uses[batch.signature] = 0
            self._bytes += len(batch.data)
        for fact in facts:
            before = self.facts.get(fact.name)
            if before is not None:
                self._said -= before[0].value is not None
                self._let_go(before[1], batch)
            self._said += fact.value is not None
            uses[batch.signature] += 1
            self.facts[fact.name] = (fact, batch)

    def drop(self, name: str) -> Fact:
        """Hold this fact no longer; the fact."""
        fact, batch = self.facts.pop(name)
        self._said -= fact.value is not None
        self._uses[batch.signature] -= 1
        if not self._uses[batch.signature]:
            del self._uses[batch.signature]
            self._bytes -= len(batch.data)
        return fact

    def _let_go(self, batch: Batch, newest: Batch) -> None:
        self._uses[batch.signature] -= 1
        if not self._uses[batch.signature] and batch.signature != newest.signature:
            del self._uses[batch.signature]
            self._bytes -= len(batch.data)
