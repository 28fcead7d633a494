"""Tasks that read secrets, and say them where they should not."""

from __future__ import annotations

import hashlib

import cantor

ON_BIRCH = 'label.site == "birch"'


@cantor.task(needs=ON_BIRCH, secrets=["mail"], retries=0)
def reads(name: str = "mail") -> str:
    value = cantor.secret(name)
    print("it prints", value, flush=True)  # noqa: T201 (what a task says)
    cantor.progress(0.5, f"with {value}")
    return hashlib.sha256(value.encode()).hexdigest()


@cantor.task(needs=ON_BIRCH, secrets=["mail"], retries=0)
def fails() -> None:
    message = f"cannot log in with {cantor.secret('mail')}"
    raise RuntimeError(message)


@cantor.task(needs=ON_BIRCH, mode="thread", secrets=["mail"], retries=0)
def reads_in_a_thread() -> int:
    return len(cantor.secret_bytes("mail"))


@cantor.task(needs=ON_BIRCH, retries=0)
def names_nothing() -> str:
    return cantor.secret("mail")
