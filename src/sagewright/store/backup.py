"""Backup and restore: one tar file with everything that a server remembers, taken while it goes on serving.

    manifest.json    versions and the time
    sagewright.db    all tables, as SQLite, whichever database they come from: either kind restores into either
    objects/ logs/   the files that the tables name
    …                the small files of the data directory: keys, certificates, the installation's id

First comes a snapshot of the database, then a second name (a hard link) for each file it needs, which keeps the bytes
whatever happens to the first name; packing them takes its time after that. A file that went between the two steps
belonged to something deleted half a minute before (``blobs.GRACE``): then the steps are repeated.

Running work is not part of it: after a restore jobs that ran are told as failed, and endpoints start anew.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text

from sagewright import __version__
from sagewright.store import migrate
from sagewright.store.database import Database
from sagewright.store.schema import metadata, objects, parts

SMALL_FILES = ("credentials.json", "installation", "tls")
ATTEMPTS = 5
ROWS = 1000


def backup(database: Database, data_dir: Path, target: Path) -> None:
    """Write a backup to ``target``, readable by its owner alone; gzipped if the name ends in ``gz``.

    The file appears when it is complete. Raises ``OSError``, ``ValueError`` when there is nothing to back up.
    """
    if not (data_dir / "objects").exists():
        raise ValueError(f"no server has run with --data-dir {data_dir}")
    with tempfile.TemporaryDirectory(prefix="backup-", dir=data_dir) as scratch:
        place = Path(scratch)
        for _ in range(ATTEMPTS):
            _snapshot(database, place / "sagewright.db")
            if _link_all(place, data_dir):
                break
        else:
            raise OSError("objects are deleted faster than they can be noted; try again at a quieter time")
        about = {"version": __version__, "revision": migrate.head(), "taken": time.time()}
        (place / "manifest.json").write_text(json.dumps(about) + "\n")
        _pack(place, target)


def restore(source: Path, database: Database | None, data_dir: Path) -> None:
    """Make ``data_dir`` what ``source`` holds, and fill ``database`` when it is not the SQLite in there.

    Raises ``ValueError`` when the directory or the database is not empty, or ``source`` is no backup.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        raise ValueError(f"{data_dir} is not empty: a backup is restored into a new data directory")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="restore-", dir=data_dir.parent) as scratch:
        place = Path(scratch) / "data"
        place.mkdir(mode=0o700)
        _unpack(source, place)
        restored = Database(f"sqlite:///{place / 'sagewright.db'}")
        with closing(restored):
            migrate.upgrade(restored)
            if database is not None:
                _fill(database, restored)
        if database is not None:
            (place / "sagewright.db").unlink()
        if data_dir.exists():
            data_dir.rmdir()
        place.rename(data_dir)


def _snapshot(database: Database, path: Path) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    if not database.shared:
        with (
            closing(sqlite3.connect(str(database.engine.url.database))) as source,
            closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
        return
    copy_of = Database(f"sqlite:///{path}")
    with closing(copy_of), database.engine.connect() as connection:
        migrate.upgrade(copy_of)
        snapshot = connection.execution_options(isolation_level="REPEATABLE READ")
        with copy_of.write() as target:
            _copy(snapshot, target)


def _copy(source: Connection, target: Connection) -> None:
    """All rows of all tables, in an order that foreign keys allow."""
    for table in metadata.sorted_tables:
        rows = source.execution_options(yield_per=ROWS).execute(select(table))
        for some in rows.partitions(ROWS):
            target.execute(insert(table), [dict(row._mapping) for row in some])


def _fill(database: Database, source: Database) -> None:
    migrate.upgrade(database)
    with database.write() as target, source.read() as rows:
        if any(target.scalar(select(func.count()).select_from(table)) for table in metadata.sorted_tables):
            raise ValueError("the database is not empty: a backup is restored into a new one")
        _copy(rows, target)
        for table in metadata.sorted_tables:
            column = table.autoincrement_column
            if column is not None and column.autoincrement is True:
                following = f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), :highest)"
                highest = target.scalar(select(func.max(column)))
                if highest is not None and target.dialect.name == "postgresql":
                    target.execute(text(following), {"highest": highest})


def _link_all(place: Path, data_dir: Path) -> bool:
    """Link what the snapshot needs, as far as it is not linked yet; False when an object's bytes are gone already."""
    for blob in _blobs(place / "sagewright.db"):
        name = Path("objects", "blobs", blob[:2], blob)
        if not _link(data_dir / name, place / name):
            return False
    for log in (data_dir / "logs").glob("*/*.log"):
        _link(log, place / log.relative_to(data_dir))
    return True


def _blobs(snapshot: Path) -> Iterator[str]:
    database = Database(f"sqlite:///{snapshot}")
    with closing(database), database.read() as connection:
        for table in (objects, parts):
            yield from connection.execution_options(yield_per=ROWS).scalars(select(table.c.blob))


def _link(source: Path, link: Path) -> bool:
    try:
        link.hardlink_to(source)
    except FileExistsError:
        return True
    except FileNotFoundError:
        if not source.exists():
            return False
        link.parent.mkdir(parents=True, exist_ok=True)
        return _link(source, link)
    except OSError:  # on another disk
        shutil.copyfile(source, link)
    return True


def _pack(place: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz" if target.name.endswith("gz") else "w") as tar:
                for path in sorted(place.iterdir()):
                    tar.add(path, path.name)  # a log that grows meanwhile is taken as long as it was
                for name in SMALL_FILES:
                    if (small := place.parent / name).exists():
                        tar.add(small, name)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _unpack(source: Path, place: Path) -> None:
    try:
        with tarfile.open(source) as tar:
            tar.extractall(place, filter="data")
    except tarfile.TarError as error:
        raise ValueError(f"{source} is no backup: {error}") from None
    if not (place / "manifest.json").exists() or not (place / "sagewright.db").exists():
        raise ValueError(f"{source} is no backup of Sagewright's")
    (place / "manifest.json").unlink()
    for private in ("sagewright.db", "credentials.json"):
        if (place / private).exists():
            (place / private).chmod(0o600)
    for blob in (place / "objects" / "blobs").glob("*/*"):
        blob.chmod(0o444)
