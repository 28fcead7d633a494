from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import sqlalchemy as sa

from edge_hub.database import Database, metadata

if TYPE_CHECKING:
    from pathlib import Path


async def test_every_row_says_whose_it_is() -> None:
    for table in metadata.sorted_tables:
        if table.name != "tenants":
            assert "tenant" in table.columns, table.name
        if table.name not in {"tenants", "projects"}:
            assert "project" in table.columns, table.name


async def test_what_is_acknowledged_is_on_the_disk(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "x.sqlite3", tenant="t", project="p")
    async with database.read() as connection:
        assert (await connection.execute(sa.text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await connection.execute(sa.text("PRAGMA synchronous"))).scalar_one() == 2
    await database.close()
    assert (tmp_path / "x.sqlite3").stat().st_mode & 0o077 == 0


async def test_an_older_database_gains_columns_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    await (await Database.open(path, tenant="t", project="p")).close()
    with closing(sqlite3.connect(path)) as old:
        old.execute("ALTER TABLE nodes DROP COLUMN seen_at")
        old.execute("INSERT INTO nodes VALUES ('n', 't', 'p', 'n', '{}', 'enrolled', '', NULL, 1)")
        old.commit()

    database = await Database.open(path, tenant="t", project="p")
    async with database.read() as connection:
        row = (await connection.execute(sa.select(metadata.tables["nodes"]))).one()
    await database.close()

    assert (row.id, row.seen_at) == ("n", None)
