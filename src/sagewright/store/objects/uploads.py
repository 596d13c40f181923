"""Multipart uploads: parts arrive in any order and become one object at once.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from sagewright.core.clock import Clock
from sagewright.store.database import Database
from sagewright.store.objects import checksums
from sagewright.store.objects.blobs import Blobs
from sagewright.store.objects.errors import EntityTooSmall, InvalidPart, InvalidPartOrder, NoSuchUpload
from sagewright.store.objects.index import Index, as_document, require_bucket, retried
from sagewright.store.objects.model import Attributes, Blob, Checksum, Guard, ObjectPart, Part, StoredObject, Upload
from sagewright.store.schema import parts, uploads

MIN_PART = 5 << 20
"""Bytes that each part but the last must have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A part to complete an upload with: the client's words, ``checksum`` None when it does not give one."""

    number: int
    etag: str
    checksum: str | None = None


class Uploads:
    """The multipart uploads in progress of one server."""

    def __init__(self, database: Database, blobs: Blobs, index: Index, clock: Clock) -> None:
        self._database, self._blobs, self._index, self._clock = database, blobs, index, clock

    def create(
        self, bucket: str, key: str, attributes: Attributes, algorithm: str = checksums.DEFAULT, kind: str = ""
    ) -> Upload:
        """Begin an upload whose checksum is of type ``kind`` (the algorithm's usual one when empty).

        Raises NoSuchBucket.
        """
        kind = kind or checksums.multipart_types(algorithm)[0]
        upload = Upload(secrets.token_urlsafe(32), bucket, key, self._clock.now(), algorithm, kind, attributes)
        with self._database.write() as connection:
            require_bucket(connection, bucket)
            connection.execute(
                insert(uploads).values(
                    id=upload.id,
                    bucket=bucket,
                    key=key,
                    created=upload.created,
                    algorithm=algorithm,
                    checksum_type=kind,
                    attributes=as_document(attributes),
                )
            )
        return upload

    def get(self, bucket: str, key: str, upload_id: str) -> Upload:
        """The upload; raises NoSuchUpload."""
        here = and_(uploads.c.id == upload_id, uploads.c.bucket == bucket, uploads.c.key == key)
        found = self._select(here)
        if not found:
            raise NoSuchUpload(UploadId=upload_id)
        return found[0]

    def list(self, bucket: str) -> Sequence[Upload]:
        """The bucket's uploads, by key and then by age."""
        return self._select(uploads.c.bucket == bucket)

    def put_part(self, upload: Upload, number: int, blob: Blob) -> Part:
        """Make received bytes a part, in place of the part of that number; raises NoSuchUpload.

        The first checksum that was asked of ``receive`` must be in the upload's algorithm.
        """
        sums = blob.sums
        part = Part(number, sums.size, sums.md5, sums.checksums[upload.algorithm], self._clock.now(), blob.id)
        values = {
            "blob": blob.id,
            "size": part.size,
            "etag": part.etag,
            "checksum": part.checksum,
            "modified": part.modified,
        }
        here = and_(parts.c.upload == upload.id, parts.c.number == number)

        def write() -> Sequence[str]:
            with self._database.write() as connection:
                self._require(connection, upload)
                lost = connection.scalars(select(parts.c.blob).where(here).with_for_update()).all()
                self._blobs.doubt(lost)
                if lost:
                    connection.execute(update(parts).where(here).values(**values))
                else:
                    connection.execute(insert(parts).values(upload=upload.id, number=number, **values))
                return lost

        lost = retried(write)
        self._blobs.keep(blob.id)
        self._blobs.delete_later(lost)
        return part

    def parts(self, upload: Upload, after: int = 0, limit: int | None = None) -> Sequence[Part]:
        """The parts with numbers above ``after``, in order."""
        query = select(parts).where(parts.c.upload == upload.id, parts.c.number > after)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(parts.c.number).limit(limit)).all()
        return [Part(row.number, row.size, row.etag, row.checksum, row.modified, row.blob) for row in rows]

    def complete(
        self,
        upload: Upload,
        choices: Sequence[Choice],
        guard: Guard | None = None,
        check: Callable[[StoredObject], None] | None = None,
    ) -> StoredObject:
        """Make one object of the chosen parts and forget the upload.

        ``check`` sees what the object will be before any byte is copied. Raises NoSuchUpload, InvalidPart,
        InvalidPartOrder, EntityTooSmall, and what ``check`` and ``guard`` raise.
        """
        chosen = _choose(upload, choices, self.parts(upload))
        planned = self._plan(upload, chosen)
        if check is not None:
            check(planned)
        try:
            with self._blobs.join([part.extent for part in chosen]) as blob:
                new = replace(planned, blob=blob, modified=self._clock.now())
                lost = retried(lambda: self._finish(upload, new, guard))
                self._blobs.keep(blob)
        except FileNotFoundError:  # a part went: the upload was aborted, or completed by another
            raise NoSuchUpload(UploadId=upload.id) from None
        self._blobs.delete_later(lost)
        return new

    def abort(self, upload: Upload) -> None:
        """Forget the upload and its parts; one that is gone already is no error."""
        with self._database.write() as connection:
            lost = self.forget(connection, uploads.c.id == upload.id)
        self._blobs.delete_later(lost)

    def forget(self, connection: Connection, which: ColumnElement[bool]) -> Sequence[str]:
        """Remove uploads within a transaction; gives the blobs to delete after it."""
        ids = select(uploads.c.id).where(which)
        lost = connection.scalars(delete(parts).where(parts.c.upload.in_(ids)).returning(parts.c.blob)).all()
        connection.execute(delete(uploads).where(which))
        self._blobs.doubt(lost)
        return lost

    def _finish(self, upload: Upload, new: StoredObject, guard: Guard | None) -> Sequence[str]:
        with self._database.write() as connection:
            self._require(connection, upload)
            replaced = self._index.put(connection, new, guard)
            return [*replaced, *self.forget(connection, uploads.c.id == upload.id)]

    def _select(self, which: ColumnElement[bool]) -> Sequence[Upload]:
        query = select(uploads).where(which).order_by(uploads.c.key, uploads.c.created, uploads.c.id)
        with self._database.read() as connection:
            return [
                Upload(
                    id=row.id,
                    bucket=row.bucket,
                    key=row.key,
                    created=row.created,
                    algorithm=row.algorithm,
                    checksum_type=row.checksum_type,
                    attributes=Attributes(**row.attributes),
                )
                for row in connection.execute(query)
            ]

    def _require(self, connection: Connection, upload: Upload) -> None:
        if connection.scalar(select(uploads.c.id).where(uploads.c.id == upload.id).with_for_update()) is None:
            raise NoSuchUpload(UploadId=upload.id)

    def _plan(self, upload: Upload, chosen: Sequence[Part]) -> StoredObject:
        if upload.checksum_type == checksums.COMPOSITE:
            value = checksums.composite(upload.algorithm, [part.checksum for part in chosen])
        else:
            value = checksums.combined(upload.algorithm, [(part.checksum, part.size) for part in chosen])
        digests = b"".join(bytes.fromhex(part.etag) for part in chosen)
        return StoredObject(
            bucket=upload.bucket,
            key=upload.key,
            size=sum(part.size for part in chosen),
            etag=f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(chosen)}",
            modified=0.0,
            blob="",
            checksum=Checksum(upload.algorithm, value, upload.checksum_type),
            attributes=upload.attributes,
            parts=tuple(ObjectPart(part.number, part.size, part.checksum) for part in chosen),
            upload=upload.id,
        )


def _choose(upload: Upload, choices: Sequence[Choice], uploaded: Sequence[Part]) -> Sequence[Part]:
    by_number = {part.number: part for part in uploaded}
    chosen: list[Part] = []
    for choice in choices:
        part = by_number.get(choice.number)
        if chosen and choice.number <= chosen[-1].number:
            raise InvalidPartOrder(UploadId=upload.id)
        if part is None or part.etag != choice.etag or choice.checksum not in (None, part.checksum):
            raise InvalidPart(UploadId=upload.id, PartNumber=choice.number, ETag=choice.etag)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            raise EntityTooSmall(
                ETag=part.etag, MinSizeAllowed=MIN_PART, PartNumber=part.number, ProposedSize=part.size
            )
    return chosen
