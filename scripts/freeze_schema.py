"""Write the newest schema, a row in each table, as SQL of both databases: what a release leaves on users' disks.

The tests migrate up from every file in tests/store/schemas. A file of a revision that was released is never rewritten.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, insert, make_url

from sagewright.store import migrate
from sagewright.store.database import Database
from sagewright.store.schema import metadata
from sagewright.testing.postgres import PostgresServer, programs

FOLDER = Path(__file__).parents[1] / "tests" / "store" / "schemas"


def main() -> None:
    """Freeze the head revision, unless it is frozen."""
    targets = {name: FOLDER / f"{migrate.head()}.{name}.sql" for name in ("sqlite", "postgresql")}
    if all(path.exists() for path in targets.values()):
        sys.exit(f"revision {migrate.head()} is frozen; a change of the schema is a new revision")
    with tempfile.TemporaryDirectory() as scratch, PostgresServer(Path(scratch, "pg")) as postgres:
        file = Path(scratch, "db")
        fill(f"sqlite:///{file}")
        targets["sqlite"].write_text("\n".join(sqlite3.connect(file).iterdump()) + "\n")
        url = postgres.new_database()
        fill(url)
        name = str(make_url(url).database)
        options = ["--inserts", "--no-owner", "--no-privileges", "-h", postgres.directory, "-U", "sagewright"]
        dump = subprocess.run(
            [programs() / "pg_dump", *options, name], check=True, capture_output=True, text=True
        ).stdout
        kept = [
            line
            for line in dump.splitlines()
            if line and not line.startswith(("--", "SET ", "\\", "SELECT pg_catalog.set_config"))
        ]
        targets["postgresql"].write_text("\n".join(kept) + "\n")


def fill(url: str) -> None:
    """Migrate to the head and put a row into each table."""
    database = Database(url)
    migrate.upgrade(database)
    with database.write() as connection:
        for table in metadata.sorted_tables:
            connection.execute(insert(table), {column.name: value(column) for column in table.columns})
    database.close()


def value(column: Column[Any]) -> Any:
    """Something that fits; of one type always the same, so that foreign keys agree."""
    kinds = ((JSON, {"a": [1]}), (Boolean, True), (Integer, 1), (Float, 1.5), (LargeBinary, b"x"))
    impl = getattr(column.type, "impl", column.type)
    return next((made for kind, made in kinds if isinstance(impl, kind)), "x")


if __name__ == "__main__":
    main()
