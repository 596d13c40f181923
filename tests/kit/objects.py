"""An object store in a directory."""

from __future__ import annotations

from pathlib import Path

from sagewright.store.database import Database
from sagewright.store.objects import ObjectStore
from sagewright.store.schema import metadata


def open_store(directory: Path) -> ObjectStore:
    directory.mkdir(exist_ok=True)
    database = Database(f"sqlite:///{directory}/index.db")
    metadata.create_all(database.engine)
    return ObjectStore(database, directory / "objects")
