"""What the first start makes, and that later starts leave it alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from sagewright.core.clock import SystemClock
from sagewright.core.config import Settings
from sagewright.services.iam import ensure_defaults
from sagewright.store.credentials import CredentialStore
from sagewright.store.database import Database
from sagewright.store.resources import ResourceStore
from sagewright.store.schema import metadata


class Start:
    """The stores of a server on one data directory."""

    def __init__(self, directory: Path) -> None:
        database = Database(f"sqlite:///{directory / 'test.db'}")
        metadata.create_all(database.engine)
        self.resources = ResourceStore(database, SystemClock())
        self.credentials = CredentialStore(database, SystemClock())
        self.directory = directory / "data"

    def ensure(self, **settings: str) -> dict[str, str]:
        """Start, and return what is then in credentials.json."""
        ensure_defaults(self.resources, self.credentials, Settings(data_dir=self.directory, **settings))  # type: ignore[arg-type]
        found: dict[str, str] = json.loads((self.directory / "credentials.json").read_text())
        return found


@pytest.fixture
def server(tmp_path: Path) -> Start:
    return Start(tmp_path)


def test_the_key_is_private_and_works(server: Start) -> None:
    pair = server.ensure()
    key = server.credentials.find(pair["access_key_id"])

    assert key is not None
    assert key.secret == pair["secret_access_key"]
    assert key.principal == "arn:aws:sts::123456789012:assumed-role/SagewrightExecutionRole/admin"
    assert stat.S_IMODE((server.directory / "credentials.json").stat().st_mode) == 0o600
    assert [path.name for path in server.directory.iterdir()] == ["credentials.json"]


def test_a_second_start_changes_nothing(server: Start) -> None:
    assert server.ensure() == server.ensure()


def test_the_key_outlives_a_wiped_database(server: Start) -> None:
    """A reset must not lock out the clients that are connected."""
    before = server.ensure()
    server.credentials.wipe()

    assert server.ensure() == before


def test_a_broken_file_is_replaced(server: Start) -> None:
    server.directory.mkdir()
    (server.directory / "credentials.json").write_text('{"access_key_id": 1')

    assert server.credentials.find(server.ensure()["access_key_id"])


def test_the_operators_key_is_in_place_of_all_others(server: Start) -> None:
    made = server.ensure()
    own = server.ensure(access_key_id="AKIAOPERATOR", secret_access_key="chosen")

    assert own == {"access_key_id": "AKIAOPERATOR", "secret_access_key": "chosen"}
    assert server.credentials.find(made["access_key_id"]) is None
    assert server.ensure(access_key_id="AKIAOPERATOR", secret_access_key="changed")["secret_access_key"] == "changed"


def test_half_a_key_is_refused(server: Start) -> None:
    with pytest.raises(ValueError, match="SAGEWRIGHT_SECRET_ACCESS_KEY"):
        server.ensure(access_key_id="AKIAOPERATOR")
