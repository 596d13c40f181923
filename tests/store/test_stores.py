"""The stores on SQLite and on PostgreSQL, as two servers on one database use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sagewright.store.database import Database
from sagewright.testing.stores import StoreCase


class TestStores(StoreCase):
    @pytest.fixture
    def other(self, database: Database) -> Iterator[Database]:
        second = Database(database.url)
        yield second
        second.close()
