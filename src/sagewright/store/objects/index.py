"""Rows of objects: read one, replace one. Both work inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.store.objects.blobs import Blobs
from sagewright.store.objects.errors import NoSuchBucket, NoSuchKey
from sagewright.store.objects.model import Attributes, Checksum, Guard, ObjectPart, StoredObject
from sagewright.store.schema import buckets, objects

# Statements are built once: for a small object, building them would cost more than all the rest of a put.
_HERE = and_(objects.c.bucket == bindparam("in_bucket"), objects.c.key == bindparam("under_key"))
_GET = select(objects).where(_HERE)
_LOCK = _GET.with_for_update()
_INSERT = insert(objects)
_UPDATE = update(objects).where(_HERE)
_BUCKET = select(buckets.c.name).where(buckets.c.name == bindparam("name")).with_for_update(read=True)


class Index:
    """The table of objects."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def get(self, connection: Connection, bucket: str, key: str, *, lock: bool = False) -> StoredObject | None:
        """The object under ``key``, or None; ``lock`` keeps other writers off its row until the commit."""
        row = connection.execute(_LOCK if lock else _GET, {"in_bucket": bucket, "under_key": key}).one_or_none()
        if row is None:
            return None
        made = row.parts or {}
        return StoredObject(
            bucket=bucket,
            key=key,
            size=row.size,
            etag=row.etag,
            modified=row.modified,
            blob=row.blob,
            checksum=Checksum(row.algorithm, row.checksum, row.checksum_type),
            attributes=Attributes(**row.attributes),
            parts=tuple(ObjectPart(*part) for part in made.get("parts", ())),
            upload=made.get("upload", ""),
        )

    def put(self, connection: Connection, new: StoredObject, guard: Guard | None = None) -> Sequence[str]:
        """Make ``new`` the object under its key; gives the blobs that lose their name by it.

        Raises NoSuchBucket, what ``guard`` raises, and ``IntegrityError`` when another writer was first.
        """
        require_bucket(connection, new.bucket)
        old = self.get(connection, new.bucket, new.key, lock=True)
        if guard is not None:
            guard(old)
        values: dict[str, Any] = {
            "blob": new.blob,
            "size": new.size,
            "etag": new.etag,
            "modified": new.modified,
            "algorithm": new.checksum.algorithm,
            "checksum": new.checksum.value,
            "checksum_type": new.checksum.type,
            "attributes": as_document(new.attributes),
            "parts": {"upload": new.upload, "parts": [astuple(part) for part in new.parts]} if new.parts else {},
        }
        if old is None:
            connection.execute(_INSERT, {"bucket": new.bucket, "key": new.key, **values})
            return []
        connection.execute(_UPDATE, {"in_bucket": new.bucket, "under_key": new.key, **values})
        lost = [old.blob]
        self._blobs.doubt(lost)
        return lost

    def retag(self, connection: Connection, bucket: str, key: str, tags: Mapping[str, str]) -> StoredObject:
        """Replace the tags of the object under ``key``, and nothing else; raises NoSuchKey."""
        old = self.get(connection, bucket, key, lock=True)
        if old is None:
            raise NoSuchKey(Key=key)
        new = replace(old, attributes=replace(old.attributes, tags=tags))
        values = {"in_bucket": bucket, "under_key": key, "attributes": as_document(new.attributes)}
        connection.execute(_UPDATE, values)
        return new


def as_document(attributes: Attributes) -> dict[str, dict[str, str]]:
    """``attributes`` as their column keeps them; ``Attributes(**document)`` is the way back."""
    maps = {"headers": attributes.headers, "metadata": attributes.metadata, "tags": attributes.tags}
    return {name: dict(found) for name, found in maps.items() if found}


def require_bucket(connection: Connection, name: str) -> None:
    """Raises NoSuchBucket; else keeps the bucket from being deleted until the commit."""
    if connection.execute(_BUCKET, {"name": name}).first() is None:
        raise NoSuchBucket(BucketName=name)


def retried(act: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Do it again when another writer put the same new row first; the second time there is a row to replace."""
    for _ in range(8):
        try:
            return act()
        except IntegrityError:
            continue
    return act()
