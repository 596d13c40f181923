"""A new trial component for each test."""

from __future__ import annotations

import pytest
from tests.kit.run_metrics import Client, Run, new_component

from sagewright.store.database import sqlite_url
from sagewright.testing.server import ServerProcess


@pytest.fixture
def database_url(server: ServerProcess) -> str:
    return sqlite_url(server.data_dir)


@pytest.fixture
def run(client: Client, database_url: str) -> Run:
    return Run(client, new_component(database_url))
