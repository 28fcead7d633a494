"""The enrolment office of an issuer without a hub: its tokens, and the keys that they let in.

One SQLite file beside the authority's keys. Of secrets only hashes are kept. What a transaction
acknowledged survives a power cut (``synchronous=FULL``).
"""

from __future__ import annotations

import secrets
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.identity.admission import Bind, Case, Keep, RaiseAlarm, Ruling, rule
from cantor.identity.enrolment import (
    Approval,
    BoundKey,
    KeyState,
    Reason,
    Refuse,
    TokenRecord,
    key_hash_of,
)
from cantor.identity.tokens import hash_secret, new_secret

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.identity.admission import Applicant, Write
    from cantor.identity.authority import Authority
    from cantor.identity.denials import DenyList

FILE_NAME = "office.sqlite3"
TTL_S_MIN, TTL_S_MAX = 60, 365 * 86400
USES_MAX = 100_000
_BUSY_TIMEOUT_S = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL UNIQUE, max_uses INTEGER NOT NULL,
    approval TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL,
    revoked_at REAL, stolen_at REAL, replaces TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS bindings (
    token_id TEXT NOT NULL, node_id TEXT NOT NULL, name TEXT NOT NULL, public_key BLOB NOT NULL,
    state TEXT NOT NULL, certificate BLOB, bound_at REAL NOT NULL,
    PRIMARY KEY (token_id, node_id));
"""


@dataclass(frozen=True)
class TokenWish:
    """A token to be made. ``replaces`` is the node whose place the box takes, or empty."""

    max_uses: int = 1
    ttl_s: int = 3600
    approval: Approval = Approval.AUTOMATIC
    replaces: str = ""

    def __post_init__(self) -> None:
        for option, value, low, high in (
            ("--ttl", self.ttl_s, TTL_S_MIN, TTL_S_MAX),
            ("--uses", self.max_uses, 1, USES_MAX),
        ):
            if not low <= value <= high:
                raise ConfigError(
                    f"expected {low} to {high}, not {value}",
                    where=f"token create {option}",
                    remedy="choose another value",
                )


@dataclass(frozen=True)
class TokenRow:
    """A token as people see it; times are in seconds since 1970."""

    id: str
    state: str
    uses: int
    max_uses: int
    approval: str
    expires_at: float


class Office:
    """The office in one folder; every call is one transaction, and blocks for some milliseconds."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def create(self, wish: TokenWish, now_s: float) -> tuple[str, str]:
        """Make a token; its id and its secret, which is kept nowhere."""
        token_id, secret = secrets.token_hex(8), new_secret()
        with self._transaction() as database:
            database.execute(
                "INSERT INTO tokens (id, secret_hash, max_uses, approval, created_at, expires_at,"
                " replaces) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (token_id, hash_secret(secret), wish.max_uses, wish.approval.value, now_s,
                 now_s + wish.ttl_s, wish.replaces),
            )  # fmt: skip
        return token_id, secret

    def tokens(self, now_s: float) -> list[TokenRow]:
        """Every token, the newest first."""
        query = (
            "SELECT *, (SELECT count(*) FROM bindings WHERE token_id = tokens.id) AS uses"
            " FROM tokens ORDER BY created_at DESC, id"
        )
        with self._transaction() as database:
            rows = database.execute(query).fetchall()
        return [
            TokenRow(
                row["id"],
                _state(row, now_s),
                row["uses"],
                row["max_uses"],
                row["approval"],
                row["expires_at"],
            )
            for row in rows
        ]

    def revoke(self, token_id: str, now_s: float) -> None:
        """Make a token worthless; nodes that it let in stay.

        Raises:
            ConfigError: there is no such token.
        """
        change = "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
        with self._transaction() as database:
            if database.execute(change, (now_s, token_id)).rowcount != 1:
                raise ConfigError(
                    f"there is no token {token_id[:40]!r}", remedy="see cantor token list"
                )

    def waiting(self) -> list[tuple[str, str]]:
        """Id and name of the nodes that wait for a person to approve them."""
        query = "SELECT node_id, name FROM bindings WHERE state = 'pending' ORDER BY bound_at"
        with self._transaction() as database:
            return [(row["node_id"], row["name"]) for row in database.execute(query)]

    def approve(self, node: NodeId) -> None:
        """Let a waiting node in; it receives its certificate when it asks next.

        Raises:
            ConfigError: it does not wait.
        """
        change = "UPDATE bindings SET state = 'issued' WHERE node_id = ? AND state = 'pending'"
        with self._transaction() as database:
            if database.execute(change, (node,)).rowcount < 1:
                raise ConfigError(f"{node} does not wait for approval")

    def admit(
        self, applicant: Applicant, authority: Authority, denials: DenyList, now_s: float
    ) -> tuple[Ruling, str]:
        """Decide on a box, and store what follows; also the node that it replaces, or empty."""
        with self._transaction() as database:
            query = "SELECT * FROM tokens WHERE secret_hash = ?"
            token = database.execute(query, (hash_secret(applicant.secret),)).fetchone()
            if token is None:
                return Ruling(Refuse(Reason.UNKNOWN)), ""
            query = "SELECT * FROM bindings WHERE token_id = ? ORDER BY bound_at"
            bound = database.execute(query, (token["id"],)).fetchall()
            mine = next((row for row in bound if row["node_id"] == applicant.node_id), None)
            case = Case(
                _record(token, bound),
                mine["certificate"] if mine is not None else None,
                denials.is_banned(authority.tenant, applicant.node_id),
                denials.earliest_s(authority.tenant, applicant.node_id),
            )
            ruling = rule(case, applicant, authority, now_s)
            for write in ruling.writes:
                _carry_out(database, write, token["id"], applicant, now_s)
            return ruling, str(token["replaces"])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # most agents are no issuers

        self._path.touch(mode=0o600)
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        with closing(connection) as database:
            database.row_factory = sqlite3.Row
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.executescript(_SCHEMA)
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def _record(token: sqlite3.Row, bound: list[sqlite3.Row]) -> TokenRecord:
    return TokenRecord(
        secret_hash=token["secret_hash"],
        expires_at=token["expires_at"],
        uses_max=token["max_uses"],
        approval=Approval(token["approval"]),
        bound=tuple(
            BoundKey(key_hash_of(row["public_key"]), KeyState(row["state"])) for row in bound
        ),
        revoked=token["revoked_at"] is not None,
        stolen=token["stolen_at"] is not None,
    )


def _carry_out(
    database: sqlite3.Connection, write: Write, token_id: str, applicant: Applicant, now_s: float
) -> None:
    match write:
        case RaiseAlarm():
            first = "UPDATE tokens SET stolen_at = coalesce(stolen_at, ?) WHERE id = ?"
            database.execute(first, (now_s, token_id))
        case Bind(state):
            database.execute(
                "INSERT OR IGNORE INTO bindings"
                " (token_id, node_id, name, public_key, state, bound_at) VALUES (?, ?, ?, ?, ?, ?)",
                (token_id, applicant.node_id, applicant.name, applicant.public_key, state.value,
                 now_s),
            )  # fmt: skip
        case Keep(chain):
            database.execute(
                "UPDATE bindings SET certificate = ? WHERE token_id = ? AND node_id = ?",
                (chain.pem, token_id, applicant.node_id),
            )


def _state(row: sqlite3.Row, now_s: float) -> str:
    if row["stolen_at"] is not None:
        return "stolen"
    if row["revoked_at"] is not None:
        return "revoked"
    if row["uses"] >= row["max_uses"]:
        return "used"
    return "expired" if now_s >= row["expires_at"] else "live"
