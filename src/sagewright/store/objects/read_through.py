"""The object store with AWS's public sample buckets in it, read through when first asked for, and kept.

A sample bucket is held under an account of its own. Of an object that is not held, head and list tell what AWS tells;
its blob is a **reference**, and whoever reads it starts a fetch, which all who ask meanwhile share. A bucket that was
filled from a folder (``sagewright samples add``) is what it was filled with, and AWS is not asked.
"""

from __future__ import annotations

import dataclasses
import logging
import mimetypes
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from sqlalchemy import func, select

from sagewright.store.database import Database
from sagewright.store.objects import checksums
from sagewright.store.objects.errors import BucketExists, ObjectStoreError
from sagewright.store.objects.model import Attributes, Bucket, Checksum, Extent, Page, StoredObject
from sagewright.store.objects.read_through_fetch import AT_ONCE, PIECE, Copying, Fetch, Fetches
from sagewright.store.objects.samples import ACCOUNT, Reference, Upstream, names, region_of
from sagewright.store.objects.store import ObjectStore
from sagewright.store.schema import objects
from sagewright.wire.http import FileBody

log = logging.getLogger(__name__)

PASSED_AT_ONCE = 32
"""Answers that are passed through without being kept, at one time."""
AHEAD = 64 << 20
"""Bytes: who reads further ahead than that of what has arrived does not wait for it."""
FILLED = "filled"
"""The setting of a bucket that was filled from a folder."""


class TooLarge(ObjectStoreError):
    """What is asked of public sample buckets takes more room than SAGEWRIGHT_SAMPLES_CACHE_MB gives them"""

    code = "EntityTooLarge"


class TooManyReaders(ObjectStoreError):
    """Please reduce your request rate."""

    code = "SlowDown"
    status = 503


class ReadThrough(ObjectStore):
    """An ``ObjectStore`` that asks ``upstream`` for what sample buckets do not hold; None asks nobody.

    ``limit`` is how many bytes of them are kept; beyond it those go that were not read for longest.
    """

    def __init__(
        self,
        database: Database,
        directory: Path,
        *more: Any,
        upstream: Upstream | None,
        limit: int,
        **options: Any,
    ) -> None:
        super().__init__(database, directory, *more, **options)
        self._upstream = upstream
        self._limit = limit
        self._fetches = Fetches(directory / "samples", self._keep)
        self._passing = BoundedSemaphore(PASSED_AT_ONCE)
        self._used: dict[tuple[str, str], float] = {}
        self._announced: set[str] = set()

    @property
    def account(self) -> str:
        """The account that sample buckets are in."""
        return ACCOUNT

    def public(self, name: str) -> bool:
        """Whether the bucket is a sample bucket, which everybody may read."""
        if region_of(name) is None:
            return False
        held = super().bucket(name)
        return self._upstream is not None if held is None else held.account == ACCOUNT

    def bucket(self, name: str) -> Bucket | None:
        held = super().bucket(name)
        upstream = self._upstream
        if held is not None or upstream is None or region_of(name) is None:
            return held
        region = upstream.region(name)
        if region is not None and name not in self._announced:
            self._announced.add(name)
            log.info(
                "%s is a public sample bucket: it is read through from %s, and what is read is kept "
                "(SAGEWRIGHT_SAMPLES=off turns this off)",
                name,
                upstream,
            )
        return None if region is None else Bucket(name, ACCOUNT, region, 0.0)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        found = super().head(bucket, key)
        if region_of(bucket) is None:
            return found
        if found is not None:
            self._used[bucket, key] = time.monotonic()
            return found
        upstream = self._source_of(bucket)
        return upstream.head(bucket, key) if upstream is not None else None

    def list(
        self, bucket: str, *, prefix: str = "", delimiter: str = "", start_after: str = "", limit: int = 1000
    ) -> Page:
        upstream = self._source_of(bucket)
        if upstream is not None:
            return upstream.list(bucket, prefix, delimiter, start_after, limit)
        return super().list(bucket, prefix=prefix, delimiter=delimiter, start_after=start_after, limit=limit)

    def body(self, extent: Extent, offset: int, length: int) -> FileBody | Iterator[bytes]:
        wanted = Reference.of(extent.blob, extent.size)
        if wanted is None:
            return super().body(extent, offset, length)
        fetch = self._fetches.find(wanted)
        held = self._held(wanted) if fetch is None else None  # named before it is no longer under way
        if held is not None:
            return super().body(held, offset, length)
        if fetch is None and wanted.size <= self._limit:
            fetch = self._fetches.start(wanted, at_most=AT_ONCE)
        if fetch is None or offset > fetch.written + AHEAD:
            return _begun(self._passed(wanted, offset, length))
        return _begun(fetch.read(offset, length))

    def files(self, extents: Sequence[Extent]) -> Sequence[Path]:
        asked = [Reference.of(extent.blob, extent.size) for extent in extents]
        missing = {each for each in asked if each is not None and self._held(each) is None}
        if missing:
            if max(each.size for each in missing) > self._limit:
                raise TooLarge
            self._fetches.wait_for(missing)
        held = [each if wanted is None else self._held(wanted) for each, wanted in zip(extents, asked, strict=True)]
        here = [extent for extent in held if extent is not None]
        if len(here) < len(held):
            raise TooLarge
        return super().files(here)

    def fill(self, name: str, folder: Path) -> int:
        """Make the sample bucket hold the files below ``folder``, under their paths, and nothing that is asked of AWS.

        Gives their number. Raises ``ValueError`` for a bucket that is none, or somebody's own.
        """
        region = region_of(name)
        if region is None:
            raise ValueError(f"{name} is no public sample bucket: there are {', '.join(names())}")
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        if not found:
            raise ValueError(f"there are no files below {folder}")
        held = self._made(name, region)
        if held.account != ACCOUNT:
            raise ValueError(f"account {held.account} has a bucket {name} of its own")
        self.configure(name, FILLED, value=True)
        for path in found:
            kind = mimetypes.guess_type(path.name)[0] or "binary/octet-stream"
            self.put_file(name, path.relative_to(folder).as_posix(), path.resolve(), Attributes({"ContentType": kind}))
        return len(found)

    def close(self) -> None:
        self._fetches.close()
        super().close()

    def _made(self, name: str, region: str) -> Bucket:
        try:
            return self.create_bucket(name, ACCOUNT, region)
        except BucketExists as taken:
            return taken.bucket

    def _source_of(self, bucket: str) -> Upstream | None:
        """Who is asked for what this bucket does not hold: nobody, unless it is a sample bucket that was not filled."""
        if self._upstream is None or region_of(bucket) is None:
            return None
        held = super().bucket(bucket)
        own = held is not None and (held.account != ACCOUNT or FILLED in held.settings)
        return None if own else self._upstream

    def _held(self, wanted: Reference) -> Extent | None:
        found = super().head(wanted.bucket, wanted.key)
        return None if found is None else found.extent

    def _keep(self, wanted: Reference, fetch: Fetch) -> None:
        """Bring an object here by way of a fetch, and give it its name."""
        if self._upstream is None:
            return
        self._make_room(wanted.size)
        with self._upstream.get(wanted.bucket, wanted.key) as (info, body):
            if info.size != wanted.size:
                raise EOFError("it was replaced meanwhile")
            with self.receive(Copying(body, fetch), checksums.DEFAULT) as blob:
                held = self._made(wanted.bucket, self._upstream.region(wanted.bucket) or "us-east-1")
                if held.account != ACCOUNT:
                    raise EOFError("somebody made a bucket of that name meanwhile")
                checksum = Checksum(checksums.DEFAULT, blob.sums.checksums[checksums.DEFAULT])
                self._name(dataclasses.replace(info, blob=blob.id, checksum=checksum))
                self._used[wanted[:2]] = time.monotonic()

    def _passed(self, wanted: Reference, offset: int, length: int) -> Iterator[bytes]:
        if self._upstream is None or length == 0:
            return
        if not self._passing.acquire(blocking=False):
            raise TooManyReaders
        try:
            with self._upstream.get(wanted.bucket, wanted.key, offset, offset + length - 1) as (_, body):
                yield from iter(lambda: body.read(PIECE), b"")
        finally:
            self._passing.release()

    def _make_room(self, size: int) -> None:
        """Delete what was not read for longest until so many bytes fit."""
        read = [each.name for each in self.buckets(ACCOUNT) if FILLED not in each.settings]
        kept = select(objects.c.bucket, objects.c.key, objects.c.size).where(objects.c.bucket.in_(read))
        total = select(func.coalesce(func.sum(objects.c.size), 0)).where(objects.c.bucket.in_(read))
        with self._database.read() as connection:
            over = (connection.scalar(total) or 0) + size - self._limit
            rows = connection.execute(kept).all() if over > 0 else ()
        for row in sorted(rows, key=lambda row: self._used.get((row.bucket, row.key), 0.0)):
            if over <= 0:
                return
            self.delete(row.bucket, [row.key])
            over -= row.size


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, the first of them read: what cannot be read is an error before the answer begins."""
    first = next(pieces, b"")

    def all_of_them() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_of_them()
