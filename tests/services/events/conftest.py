"""A bench for rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.triggers import RuleBench

from sagewright.store.database import Database, sqlite_url
from sagewright.store.schema import metadata


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RuleBench]:
    database = Database(sqlite_url(tmp_path))
    metadata.create_all(database.engine)
    yield RuleBench(database)
    database.close()
