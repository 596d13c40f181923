"""A prepared statement does what the same statement does the usual way."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.store.database import Database
from sagewright.store.prepared import Prepared
from sagewright.store.schema import access_keys, tags

INSERT = Prepared(insert(tags))
UPDATE = Prepared(update(tags).where(tags.c.arn == bindparam("which")).values(value=bindparam("new")))


def test_rows_are_written_and_changed(database: Database) -> None:
    with database.write() as connection:
        INSERT.execute(connection, {"arn": "a", "key": "k", "value": "é'?"})
        UPDATE.execute(connection, {"which": "a", "new": "%s:x"})
    with database.read() as connection:
        assert connection.execute(select(tags)).all() == [("a", "k", "%s:x")]
    with pytest.raises(IntegrityError), database.write() as connection:
        INSERT.execute(connection, {"arn": "a", "key": "k", "value": ""})


def test_values_are_converted_as_their_columns_say(database: Database) -> None:
    columns = ("id", "secret", "principal", "account", "user_id", "created", "active", "administrator", "session")
    statement = Prepared(insert(access_keys).values({name: bindparam(name) for name in columns}))
    row = {
        **dict.fromkeys(columns, "x"),
        "created": 1,
        "active": True,
        "administrator": False,
        "session": {"a": [None]},
    }
    with database.write() as connection:
        statement.execute(connection, row)
    with database.read() as connection:
        found = connection.execute(select(access_keys)).one()
    assert (found.active, found.administrator, found.session, found.created) == (True, False, {"a": [None]}, 1.0)
