"""The schema: migrations build exactly what the tables say, from every release, once; an unknown future is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, inspect, select, text

from sagewright.core.clock import SystemClock
from sagewright.store import migrate
from sagewright.store.database import Database
from sagewright.store.resources import ResourceStore
from sagewright.store.schema import metadata

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture
def empty_database(new_url: Callable[[], str]) -> Iterator[Database]:
    database = Database(new_url())
    yield database
    database.close()


def differences(database: Database) -> list[object]:
    with database.read() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def load(database: Database, revision: str) -> None:
    """Make the database what that release left."""
    name = database.engine.dialect.name
    script = (SCHEMAS / f"{revision}.{name}.sql").read_text()
    if name == "sqlite":
        file = sqlite3.connect(str(database.engine.url.database))
        file.executescript(script)
        file.close()
        return
    with database.write() as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def test_migrations_and_tables_agree(empty_database: Database) -> None:
    migrate.upgrade(empty_database)
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == migrate.head()
    assert differences(empty_database) == []


@pytest.mark.parametrize("revision", migrate.revisions())
def test_every_release_is_migrated_with_its_rows(empty_database: Database, revision: str) -> None:
    load(empty_database, revision)
    before = rows(empty_database)
    assert before, "python scripts/freeze_schema.py writes the files of a new revision"
    assert set(before.values()) == {1}
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == migrate.head()
    assert differences(empty_database) == []
    after = rows(empty_database)
    assert {name: after[name] for name in before if name in after} == {name: 1 for name in before if name in after}


def test_wishes_of_0004_become_documents(empty_database: Database) -> None:
    load(empty_database, "0004")
    run = {"granted": "updated:1", "live": {"wish": "updated:1", "workers": []}, "next": {"wish": "updated:2"}}
    with empty_database.write() as connection:
        connection.execute(
            text("UPDATE resources SET wish = 'updated:2', run = :run, arn = 'a'"), {"run": json.dumps(run)}
        )
        columns = "id, account, region, kind, name, spec, status, phase, created, modified, version, shown"
        for name, wish in (("stopped", "stopped"), ("quiet", "")):
            connection.execute(
                text(
                    f"INSERT INTO resources ({columns}, arn, run, wish) "
                    "VALUES (:name, '1', 'r', 'K', :name, '{}', '{}', 'ready', 1, 1, 1, 'ready', :name, '{}', :wish)"
                ),
                {"name": name, "wish": wish},
            )
    migrate.upgrade(empty_database)
    store = ResourceStore(empty_database, SystemClock())
    updated, stopped, quiet = (store.by_arn(arn) for arn in ("a", "stopped", "quiet"))
    assert updated is not None
    assert updated.wish == {"word": "updated", "id": "2"}
    assert updated.run["granted"] == updated.run["live"]["wish"] == {"word": "updated", "id": "1"}
    assert updated.run["next"]["wish"] == updated.wish
    assert [each and (each.wish, each.wished, each.parent, each.wakes) for each in (stopped, quiet)] == [
        ({"word": "stopped"}, "stopped", None, 0),
        ({}, "", None, 0),
    ]


def rows(database: Database) -> dict[str, int]:
    with database.read() as connection:
        there = set(inspect(connection).get_table_names())
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table.name in there
        }


def test_servers_that_start_together_migrate_once(new_url: Callable[[], str]) -> None:
    url = new_url()
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, databases))
    assert differences(databases[0]) == []
    with databases[0].read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    for database in databases:
        database.close()


def test_a_newer_database_is_refused(empty_database: Database) -> None:
    migrate.upgrade(empty_database)
    with empty_database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RuntimeError, match="9999"):
        migrate.upgrade(empty_database)


def test_a_database_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    database = Database(f"postgresql://sagewright:secret@/none?host={tmp_path}")
    with pytest.raises(OSError, match="cannot be reached") as refused:
        migrate.upgrade(database)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["nonsense", "oracle://x", "postgresql+nosuchdriver://x"])
def test_a_url_that_cannot_be_used_is_told_plainly(url: str) -> None:
    with pytest.raises(ValueError, match="database URL"):
        Database(url)
