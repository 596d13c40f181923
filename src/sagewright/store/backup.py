"""Backup and restore: one tar file with everything that a server remembers, taken while it goes on serving.

    manifest.json    versions and the time
    sagewright.db    all tables, as SQLite, whichever database they come from: either kind restores into either
    objects/ logs/   the files that the tables name
    …                the small files of the data directory: keys, certificates, the installation's id

Where the bytes of objects are in an S3 elsewhere they stay there, and the manifest names the place, unless the backup
is asked to be **whole**. A whole one restores anywhere, so it is also the way to and from an S3.

First comes a snapshot of the database, then a second name (a hard link) for each file it needs, which keeps the bytes
whatever happens to the first name; packing them takes its time after that. A file that went between the two steps
belonged to something deleted half a minute before (``delayed_delete.GRACE``): then the steps are repeated.

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
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, func, insert, select, text, update

from sagewright import __version__
from sagewright.core.ids import run_id
from sagewright.store import migrate
from sagewright.store.database import Database
from sagewright.store.objects.blobs import CHUNK, Storage
from sagewright.store.objects.files import Files
from sagewright.store.objects.model import Extent
from sagewright.store.objects.reading import reading
from sagewright.store.objects.remote import Remote
from sagewright.store.schema import metadata, objects, parts, resources
from sagewright_runtime.shared.unpack import extract

SMALL_FILES = ("credentials.json", "installation", "tls")
ATTEMPTS = 5
ROWS = 1000


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The storage of objects that are not in the data directory, and its URI."""

    storage: Remote
    uri: str


def backup(
    database: Database, data_dir: Path, target: Path, elsewhere: Elsewhere | None = None, *, whole: bool = False
) -> None:
    """Write a backup to ``target``, readable by its owner alone; gzipped if the name ends in ``gz``.

    ``whole``: with the bytes that are elsewhere. The file appears when it is complete. Raises ``OSError``, and
    ``ValueError`` when there is nothing to back up.
    """
    if not (data_dir / "objects").exists():
        raise ValueError(f"no server has run with --data-dir {data_dir}")
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder")
    with tempfile.TemporaryDirectory(prefix="backup-", dir=data_dir) as scratch:
        place = Path(scratch)
        for _ in range(ATTEMPTS):
            _snapshot(database, place / "sagewright.db")
            if (elsewhere is not None and not whole) or _bring_objects(place, data_dir, elsewhere):
                break
        else:
            raise OSError("objects are deleted faster than they can be noted; try again at a quieter time")
        for log in (data_dir / "logs").glob("*/*.log"):
            _link(log, place / log.relative_to(data_dir))
        there = elsewhere.uri if elsewhere is not None and not whole else ""
        about = {"version": __version__, "revision": migrate.head(), "taken": time.time(), "objects": there}
        (place / "manifest.json").write_text(json.dumps(about) + "\n")
        try:
            _pack(place, target)
        except OSError as error:
            raise OSError(f"{target}: {error.strerror or error}") from None


def restore(source: Path, database: Database | None, data_dir: Path, elsewhere: Elsewhere | None = None) -> int:
    """Make ``data_dir`` what ``source`` holds, and fill ``database`` when it is not the SQLite in there.

    Gives the number of objects whose bytes, being elsewhere, were deleted since the backup. Raises ``ValueError`` when
    the directory or the database is not empty, or ``source`` is no backup, or not one of objects in that place.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        raise ValueError(f"{data_dir} is not empty: a backup is restored into a new data directory")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="restore-", dir=data_dir.parent) as scratch:
        place = Path(scratch) / "data"
        place.mkdir(mode=0o700)
        there = _unpack(source, place)
        if there and there != (elsewhere.uri if elsewhere is not None else ""):
            raise ValueError(f"the objects of this backup are {there}: set SAGEWRIGHT_S3_BUCKET and _PREFIX to that")
        if elsewhere is not None:
            _take(elsewhere, place)
        restored = Database(f"sqlite:///{place / 'sagewright.db'}")
        with closing(restored):
            migrate.upgrade(restored)
            _settle(restored, elsewhere.uri if elsewhere is not None else "")
            lost = _lost(restored, elsewhere) if elsewhere is not None else 0
            if database is not None:
                _fill(database, restored)
        if database is not None:
            (place / "sagewright.db").unlink()
        if data_dir.exists():
            data_dir.rmdir()
        place.rename(data_dir)
    return lost


def _take(elsewhere: Elsewhere, place: Path) -> None:
    """Bring the bytes of a whole backup to where they are to be, which is this installation's from now on."""
    installation = place / "installation"
    if not installation.exists():
        installation.write_text(run_id() + "\n")
    elsewhere.storage.claim(installation.read_text().strip())
    for blob in (place / "objects" / "blobs").glob("*/*"):
        with blob.open("rb", buffering=0) as file:
            elsewhere.storage.write(blob.name, file, ())
        blob.unlink()


def _settle(restored: Database, uri: str) -> None:
    """Make the rows say where the bytes of objects are now; work is no longer bound to the place that it was at."""
    with restored.write() as connection:
        for row in connection.execute(
            select(resources.c.id, resources.c.kind, resources.c.spec, resources.c.run)
        ).all():
            here = update(resources).where(resources.c.id == row.id)
            if row.kind == "Installation":
                connection.execute(here.values(spec={**row.spec, "objects": uri}))
            if "place" in row.run:
                connection.execute(here.values(run={key: row.run[key] for key in row.run if key != "place"}))


def _lost(restored: Database, elsewhere: Elsewhere) -> int:
    known = {blob for some in elsewhere.storage.present() for blob in some}
    with restored.read() as connection:
        return sum(extent.blob not in known for extent in _extents(connection))


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


def _bring_objects(place: Path, data_dir: Path, elsewhere: Elsewhere | None) -> bool:
    """Link or fetch what the snapshot needs and is not there yet; False when an object's bytes are gone already."""
    snapshot = Database(f"sqlite:///{place / 'sagewright.db'}")
    storage = Files(data_dir / "objects") if elsewhere is None else elsewhere.storage
    with closing(snapshot), snapshot.read() as connection:
        for extent in _extents(connection):
            name = Path("objects", "blobs", extent.blob[:2], extent.blob)
            here = elsewhere is None and _link(data_dir / name, place / name)
            if not here and not _fetch(storage, extent, place / name):
                return False
    return True


def _extents(connection: Connection) -> Iterator[Extent]:
    for table in (objects, parts):
        rows = connection.execution_options(yield_per=ROWS).execute(select(table.c.blob, table.c.size))
        yield from (Extent(row.blob, row.size) for row in rows)


def _fetch(storage: Storage, extent: Extent, path: Path) -> bool:
    if path.exists() and path.stat().st_size == extent.size:
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with reading(storage.body(extent, 0, extent.size)) as source, path.open("wb") as file:
            shutil.copyfileobj(source, file, CHUNK)
    except FileNotFoundError:
        return False
    return True


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


def _unpack(source: Path, place: Path) -> str:
    """Gives the URI of the place of the objects, empty when they are in the backup."""
    try:
        with tarfile.open(source) as tar:
            for member in tar:
                extract(tar, member, str(place))
    except (tarfile.TarError, EOFError, ValueError, zlib.error) as error:
        first, *_ = str(error).splitlines()
        raise ValueError(f"{source} is no backup: {first}") from None
    try:
        about = dict(json.loads((place / "manifest.json").read_text()))
        with closing(sqlite3.connect(f"file:{quote(str(place / 'sagewright.db'))}?mode=ro", uri=True)) as tables:
            tables.execute("SELECT version_num FROM alembic_version")
    except (OSError, ValueError, TypeError, sqlite3.Error):
        raise ValueError(f"{source} is no backup of Sagewright's") from None
    (place / "manifest.json").unlink()
    for private in ("sagewright.db", "credentials.json"):
        if (place / private).exists():
            (place / private).chmod(0o600)
    for blob in (place / "objects" / "blobs").glob("*/*"):
        blob.chmod(0o444)
    return str(about.get("objects", ""))
