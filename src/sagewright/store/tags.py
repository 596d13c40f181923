"""Tags: key and value pairs on any ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from sqlalchemy import Connection, delete, insert, select, update

from sagewright.store.database import Database, queue
from sagewright.store.schema import resources, tags


class TagStore:
    """Tags in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writes = count(1)
        self.changes = 0
        """Another number after each write of this server's, but for those of tags that come and go with a resource."""

    def of(self, arn: str) -> dict[str, str]:
        """The tags of an ARN in order of their keys."""
        query = select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
        with self._database.read() as connection:
            return {row.key: row.value for row in connection.execute(query)}

    def below(self, prefix: str) -> dict[str, dict[str, str]]:
        """The tags of all ARNs that begin with ``prefix``, by ARN; an ARN without any is not in it."""
        query = select(tags).where(tags.c.arn.startswith(prefix, autoescape=True)).order_by(tags.c.key)
        found: dict[str, dict[str, str]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.arn, {})[row.key] = row.value
        return found

    def add(self, arn: str, new: Mapping[str, str], limit: int) -> bool:
        """Add or replace tags; False, and nothing is changed, when the ARN would have more than ``limit``."""
        with self._database.write() as connection:
            queue(connection, arn)
            old = connection.execute(select(tags.c.key, tags.c.value).where(tags.c.arn == arn)).all()
            merged = {row.key: row.value for row in old} | dict(new)
            if len(merged) > limit:
                return False
            _count_change(connection, arn)
            connection.execute(delete(tags).where(tags.c.arn == arn))
            if merged:
                connection.execute(insert(tags), [{"arn": arn, "key": k, "value": v} for k, v in merged.items()])
        self.changes = next(self._writes)
        return True

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        """Take tags off; keys that are not there are no error."""
        with self._database.write() as connection:
            _count_change(connection, arn)
            connection.execute(delete(tags).where(tags.c.arn == arn, tags.c.key.in_(keys)))
        self.changes = next(self._writes)


def _count_change(connection: Connection, arn: str) -> None:
    """Count a change of what is shown of the resource, so that a search reads its tags again.

    First of all writes, as in the deletion of a resource: transactions that lock in one order cannot block each other.
    """
    connection.execute(update(resources).where(resources.c.arn == arn).values(revision=resources.c.revision + 1))
