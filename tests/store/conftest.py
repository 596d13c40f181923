"""Each store test that asks for a ``database`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.kit.databases import empty

from sagewright.store.database import Database
from sagewright.store.schema import metadata
from sagewright.testing.postgres import PostgresServer


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Makes the URL of a new, empty database."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database


@pytest.fixture(scope="session")
def shared_database(new_url: Callable[[], str]) -> Iterator[Database]:
    """One database with all tables, for the tests of a session that keep out of each other's way."""
    yield from _with_tables(new_url())


@pytest.fixture
def database(shared_database: Database) -> Database:
    """A database with all tables, empty, whatever the test before left."""
    empty(shared_database)
    return shared_database


def _with_tables(url: str) -> Iterator[Database]:
    database = Database(url)
    metadata.create_all(database.engine)
    yield database
    database.close()
