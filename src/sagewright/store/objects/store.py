"""Buckets and objects: an index in the database, bytes in a storage. Keys are names, never paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.core.clock import Clock, SystemClock
from sagewright.store.database import Database
from sagewright.store.objects import checksums
from sagewright.store.objects.blobs import Blobs, Storage, open_regular
from sagewright.store.objects.errors import BucketExists, BucketNotEmpty, NoSuchBucket
from sagewright.store.objects.files import Files
from sagewright.store.objects.index import Index, retried
from sagewright.store.objects.listing import Lister
from sagewright.store.objects.model import (
    Attributes,
    Blob,
    Bucket,
    Checksum,
    Extent,
    Guard,
    ObjectInfo,
    Page,
    StoredObject,
    Sums,
)
from sagewright.store.objects.reading import reading
from sagewright.store.objects.uploads import Uploads
from sagewright.store.schema import buckets, objects, parts, uploads
from sagewright.wire.http import BodyReader, FileBody

NOTHING = Attributes()
WEEK = 7 * 86_400.0
EMPTY: Mapping[str, Any] = MappingProxyType({})
_BUCKET = select(buckets).where(buckets.c.name == bindparam("named"))


class ObjectStore:
    """All buckets of one server. Thread-safe; the last writer of a key wins, and no reader sees half an object.

    ``storage`` is where the bytes are, ``directory`` when None. ``durable``: they are on its disk before the index
    names them, so that a power cut costs nothing that a durable database still knows.
    """

    def __init__(
        self,
        database: Database,
        directory: Path,
        clock: Clock | None = None,
        *,
        durable: bool = False,
        storage: Storage | None = None,
    ) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._storage = storage or Files(directory, durable=durable)
        self._blobs = Blobs(directory, self._storage)
        self._index = Index(self._blobs)
        self.uploads = Uploads(database, self._blobs, self._index, self._clock)
        """Multipart uploads in progress."""
        self._blobs.sweep(self._indexed)

    def create_bucket(self, name: str, account: str, region: str, settings: Mapping[str, Any] = EMPTY) -> Bucket:
        """Make a bucket; raises BucketExists, whoever has it."""
        bucket = Bucket(name, account, region, self._clock.now(), settings)
        values = {
            "name": name,
            "account": account,
            "region": region,
            "created": bucket.created,
            "settings": dict(settings),
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(buckets).values(values))
        except IntegrityError:
            raise BucketExists(self.bucket(name) or bucket) from None
        return bucket

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of that name, or None."""
        with self._database.read() as connection:
            row = connection.execute(_BUCKET, {"named": name}).one_or_none()
        return None if row is None else _bucket(row)

    def buckets(self, account: str) -> Sequence[Bucket]:
        """The account's buckets in order of their names."""
        query = select(buckets).where(buckets.c.account == account).order_by(buckets.c.name)
        with self._database.read() as connection:
            return [_bucket(row) for row in connection.execute(query)]

    def configure(self, name: str, setting: str, value: Any) -> None:
        """Keep ``value`` (what JSON can say) as a setting of a bucket, None to drop it; raises NoSuchBucket."""
        here = buckets.c.name == name
        with self._database.write() as connection:
            row = connection.execute(select(buckets.c.settings).where(here).with_for_update()).one_or_none()
            if row is None:
                raise NoSuchBucket(BucketName=name)
            settings = {key: kept for key, kept in {**row.settings, setting: value}.items() if kept is not None}
            connection.execute(update(buckets).where(here).values(settings=settings))

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket, with its unfinished uploads; raises NoSuchBucket and BucketNotEmpty."""
        with self._database.write() as connection:
            found = select(buckets.c.name).where(buckets.c.name == name).with_for_update()
            if connection.execute(found).first() is None:
                raise NoSuchBucket(BucketName=name)
            if connection.execute(select(objects.c.key).where(objects.c.bucket == name).limit(1)).first():
                raise BucketNotEmpty(BucketName=name)
            lost = self.uploads.forget(connection, uploads.c.bucket == name)
            connection.execute(delete(buckets).where(buckets.c.name == name))
        self._blobs.delete_later(lost)

    def receive(
        self, source: BodyReader, algorithm: str = checksums.DEFAULT, also: Sequence[str] = ()
    ) -> AbstractContextManager[Blob]:
        """Bring bytes in, in constant memory, with their MD5, the checksum ``algorithm`` and those of ``also``.

        What the ``with`` block does not ``put`` (or give to an upload) is deleted at its end.
        """
        return self._blobs.receive(source, list(dict.fromkeys((algorithm, *also))))

    @contextmanager
    def duplicate(self, source: ObjectInfo, algorithm: str | None = None) -> Iterator[Blob]:
        """Bring the bytes of another object in; without reading them where its MD5 and checksum are known.

        ``algorithm`` is the checksum that the copy shall have, the source's when None. Raises
        ``FileNotFoundError`` when the source was deleted more than ``delayed_delete.GRACE`` seconds ago.
        """
        wanted = algorithm or source.checksum.algorithm or checksums.DEFAULT
        known = source.checksum
        if known.algorithm == wanted and known.type == checksums.FULL_OBJECT and "-" not in source.etag:
            with self._blobs.join([source.extent]) as blob_id:
                yield Blob(blob_id, Sums(source.size, source.etag, {wanted: known.value}))
            return
        with self.reader(source.extent, 0, source.size) as whole, self.receive(whole, wanted) as blob:
            yield blob

    def body(self, extent: Extent, offset: int, length: int) -> FileBody | Iterator[bytes]:
        """Part of an object's bytes, to be sent. Raises ``FileNotFoundError`` when they are gone."""
        return self._storage.body(extent, offset, length)

    def reader(self, extent: Extent, offset: int, length: int) -> AbstractContextManager[BodyReader]:
        """Part of an object's bytes, to be read. Raises ``FileNotFoundError`` when they are gone."""
        return reading(self.body(extent, offset, length))

    def files(self, extents: Sequence[Extent]) -> Sequence[Path]:
        """Files of this machine with the bytes of objects, never to be written to.

        They stay for ``delayed_delete.GRACE`` seconds at least, and as long as they are linked or open. Raises
        ``Coming`` while they are being made or fetched: ask again.
        """
        return self._storage.files(extents)

    def put(
        self, bucket: str, key: str, blob: Blob, attributes: Attributes = NOTHING, guard: Guard | None = None
    ) -> StoredObject:
        """Give received bytes a name; raises NoSuchBucket and what ``guard`` raises about the object now there.

        The object's checksum is the first that ``receive`` was asked for.
        """
        algorithm, value = next(iter(blob.sums.checksums.items()))
        new = StoredObject(
            bucket=bucket,
            key=key,
            size=blob.sums.size,
            etag=blob.sums.md5,
            modified=self._clock.now(),
            blob=blob.id,
            checksum=Checksum(algorithm, value),
            attributes=attributes,
        )
        return self._name(new, guard)

    def _name(self, new: StoredObject, guard: Guard | None = None) -> StoredObject:
        """Make a blob that was just received an object, on the terms of ``put``."""

        def replace() -> Sequence[str]:
            with self._database.write() as connection:
                return self._index.put(connection, new, guard)

        lost = retried(replace)
        self._blobs.keep(new.blob)
        self._blobs.delete_later(lost)
        return new

    def put_file(
        self, bucket: str, key: str, path: Path, attributes: Attributes = NOTHING, *, move: bool = False
    ) -> StoredObject:
        """Make an object of a regular file. ``move`` gives the file away: on one disk, nothing is copied.

        Raises NoSuchBucket, and ``OSError`` when ``path`` is missing, a symbolic link or not a regular file.
        """
        if move:
            with self._blobs.adopt(path, [checksums.DEFAULT]) as blob:
                return self.put(bucket, key, blob, attributes)
        with open_regular(path) as file, self.receive(file) as blob:
            return self.put(bucket, key, blob, attributes)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The object, or None."""
        with self._database.read() as connection:
            return self._index.get(connection, bucket, key)

    def retag(self, bucket: str, key: str, tags: Mapping[str, str]) -> StoredObject:
        """Replace an object's tags; raises NoSuchKey."""
        with self._database.write() as connection:
            return self._index.retag(connection, bucket, key, tags)

    def delete(self, bucket: str, keys: Sequence[str], guard: Guard | None = None) -> None:
        """Remove objects, all or none; keys that are not there are no error. ``guard`` looks at each."""
        with self._database.write() as connection:
            if guard is not None:
                for key in keys:
                    guard(self._index.get(connection, bucket, key, lock=True))
            gone = delete(objects).where(objects.c.bucket == bucket, objects.c.key.in_(keys)).returning(objects.c.blob)
            lost = connection.scalars(gone).all()
            self._blobs.doubt(lost)
        self._blobs.delete_later(lost)

    def list(
        self, bucket: str, *, prefix: str = "", delimiter: str = "", start_after: str = "", limit: int = 1000
    ) -> Page:
        """Keys that start with ``prefix`` and come after ``start_after``, in UTF-8 byte order.

        Those that share what ``prefix…delimiter`` begins count as one common prefix, which is left out unless it comes
        after ``start_after`` itself. An unknown bucket has no keys.
        """
        with self._database.read() as connection:
            return Lister(bucket, prefix, delimiter).page(connection, start_after, limit)

    def wipe(self) -> None:
        """Forget everything, at once."""
        with self._database.write() as connection:
            for table in (parts, uploads, objects, buckets):
                connection.execute(delete(table))
        self._blobs.clear()

    def sweep_orphans(self, seconds: float = WEEK) -> int:
        """Delete bytes of that age that no row names, and say of how many blobs; see ``Blobs.sweep_orphans``."""
        return self._blobs.sweep_orphans(self._indexed, seconds)

    def close(self) -> None:
        """Delete what still waits for deletion and let go of the directory."""
        self._blobs.close()
        self._storage.close()

    def _indexed(self, blobs: Sequence[str]) -> set[str]:
        with self._database.read() as connection:
            return {
                blob
                for table in (objects, parts)
                for start in range(0, len(blobs), 500)
                for blob in connection.scalars(select(table.c.blob).where(table.c.blob.in_(blobs[start : start + 500])))
            }


def _bucket(row: Any) -> Bucket:
    return Bucket(row.name, row.account, row.region, row.created, row.settings)
