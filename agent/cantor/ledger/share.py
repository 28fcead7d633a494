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
        self._certificates: dict[bytes, tuple[bytes, int]] = {}  # each once, and batches under it

    def has_batch(self, signature: bytes) -> bool:
        """Whether a fact of the batch with this signature is held."""
        return signature in self._uses

    def fits(self, batch: Batch, facts: list[Fact]) -> bool:
        """Whether the owner may say this as well."""
        said, ever, size = self._said, len(self.facts), self._bytes + len(batch.data)
        if batch.certificate not in self._certificates:
            size += len(batch.certificate)
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
        if batch.signature not in self._uses:
            self._uses[batch.signature] = 0
            self._bytes += len(batch.data)
            batch = batch._replace(certificate=self._kept_certificate(batch.certificate))
        for fact in facts:
            before = self.facts.get(fact.name)
            self._said += fact.value is not None
            self._uses[batch.signature] += 1
            if before is not None:
                self._release(*before)
            self.facts[fact.name] = (fact, batch)

    def drop(self, name: str) -> Fact:
        """Hold this fact no longer; the fact."""
        fact, batch = self.facts.pop(name)
        self._release(fact, batch)
        return fact

    def _release(self, fact: Fact, batch: Batch) -> None:
        self._said -= fact.value is not None
        self._uses[batch.signature] -= 1
        if self._uses[batch.signature]:
            return
        del self._uses[batch.signature]
        self._bytes -= len(batch.data)
        certificate, batches = self._certificates[batch.certificate]
        if batches > 1:
            self._certificates[certificate] = certificate, batches - 1
        else:
            del self._certificates[certificate]
            self._bytes -= len(certificate)

    def _kept_certificate(self, certificate: bytes) -> bytes:
        """The same bytes, but one copy for all batches of the owner; one more batch is under it."""
        if certificate not in self._certificates:
            self._bytes += len(certificate)
        kept, batches = self._certificates.get(certificate, (certificate, 0))
        self._certificates[kept] = kept, batches + 1
        return kept
