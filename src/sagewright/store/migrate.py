"""Bring a database's schema up to date. Alembic is loaded only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text

from sagewright.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def head() -> str:
    """The newest revision: versions are files named by their number."""
    return max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(database: Database) -> str | None:
    """The revision a database is at, None for an empty one."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(database: Database) -> None:
    """Run what is missing, in one transaction. Raises ``RuntimeError`` when a newer Sagewright wrote the database."""
    at = current(database)
    if at == head():
        return
    if at is not None and at > head():
        raise RuntimeError(f"the database is at revision {at}, this Sagewright knows {head()}: it needs a newer one")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
