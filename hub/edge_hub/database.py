"""The hub's database: tables, transactions, and migrations that only ever add.

Every row says its tenant and its project, so that sharing a hub never needs a rewrite. What a
transaction acknowledged survives a power cut (``synchronous=FULL``).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 10_000
metadata = sa.MetaData()


def _scope() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("project", sa.String, nullable=False),
    )


tenants = sa.Table(
    "tenants", metadata, sa.Column("id", sa.String, primary_key=True), sa.Column("name", sa.String)
)
projects = sa.Table(
    "projects",
    metadata,
    sa.Column("tenant", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
)
tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("hash", sa.String, primary_key=True),
    *_scope(),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.String, primary_key=True),
    *_scope(),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("used_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    *_scope(),
    sa.Column("secret_hash", sa.String, nullable=False, unique=True),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("max_uses", sa.Integer, nullable=False),
    sa.Column("approval", sa.String, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("created_by", sa.String),
    sa.Column("replaces", sa.String),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("revoked_at", sa.Float),
    sa.Column("stolen_at", sa.Float),
    sa.Column("thefts", sa.Integer),
    sa.Column("thefts_told", sa.Integer),
    sa.Column("theft_told_at", sa.Float),
)
enrolments = sa.Table(
    "enrolments",
    metadata,
    sa.Column("token_id", sa.String, primary_key=True),
    sa.Column("node_id", sa.String, primary_key=True),
    *_scope(),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("certificate", sa.LargeBinary),
    sa.Column("bound_at", sa.Float, nullable=False),
)
nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    *_scope(),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("enrolled_at", sa.Float),
    sa.Column("seen_at", sa.Float),
    sa.Column("revision", sa.Integer, nullable=False),
)
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    *_scope(),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("params", sa.JSON),
    sqlite_autoincrement=True,
)


class Database:
    """One open database. ``read`` and ``write`` each give one transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(begin="BEGIN IMMEDIATE")

    @classmethod
    async def open(cls, path: Path, *, tenant: str, project: str) -> Database:
        """Open the database at ``path``, make what it lacks, and put the default scope into it."""
        await asyncio.to_thread(_make_private, path)
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        sa.event.listen(engine.sync_engine, "connect", _on_connect)
        sa.event.listen(engine.sync_engine, "begin", _on_begin)
        database = cls(engine)
        async with database.write() as connection:
            await connection.run_sync(_migrate)
            await connection.execute(
                sa.insert(tenants).prefix_with("OR IGNORE"), {"id": tenant, "name": tenant}
            )
            row = {"tenant": tenant, "id": project, "name": project}
            await connection.execute(sa.insert(projects).prefix_with("OR IGNORE"), row)
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database."""
        async with self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that holds the write lock from its first statement to its commit."""
        async with self._writing.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


def _on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _on_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(str(connection.get_execution_options().get("begin", "BEGIN")))


def _migrate(connection: sa.Connection) -> None:
    """Add the tables and columns that an older hub did not know; never change or drop one."""
    metadata.create_all(connection)
    inspector = sa.inspect(connection)
    quote = connection.dialect.identifier_preparer.quote
    for table in metadata.sorted_tables:
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                kind = column.type.compile(connection.dialect)
                statement = (
                    f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(column.name)} {kind}"
                )
                connection.exec_driver_sql(statement)
