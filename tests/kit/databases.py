"""Databases for the tests of stores."""

from __future__ import annotations

from sagewright.store.database import Database
from sagewright.store.schema import metadata


def empty(database: Database) -> None:
    """Delete all rows."""
    with database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
