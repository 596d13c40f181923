"""Bring a database's schema up to date. Alembic is loaded only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from sagewright.store.database import Database, queue
from sagewright.store.outages import outage

MIGRATIONS = Path(__file__).parent / "migrations"


def revisions() -> list[str]:
    """All revisions, oldest first: versions are files named by their number."""
    return sorted(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The newest revision."""
    return revisions()[-1]


def current(database: Database) -> str | None:
    """The revision a database is at, None for an empty one."""
    with database.read() as connection:
        return _current(connection)


def upgrade(database: Database, to: str = "") -> None:
    """Run what is missing, in one transaction; of servers that start together, one does and the others wait.

    Raises ``RuntimeError`` when a newer Sagewright wrote the database, ``OSError`` when it cannot be reached.
    """
    to = to or head()
    try:
        if _done(current(database), to):
            return
        with database.write() as connection:
            queue(connection, "migrations")
            if not _done(_current(connection), to):
                _run(connection, to)
    except DBAPIError as error:
        if reason := outage(error):
            raise OSError(f"{reason} ({database.engine.url}: {error.orig})") from None
        raise


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _done(at: str | None, to: str) -> bool:
    if at is not None and at > head():
        raise RuntimeError(f"the database is at revision {at}, this Sagewright knows {head()}: it needs a newer one")
    return at is not None and at >= to


def _run(connection: Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
