"""The object store: buckets, objects and multipart uploads, in a database and a storage.

Reading order: ``model`` (the values), ``store`` (the doors), ``uploads``, ``index`` and ``listing`` (the database),
``blobs`` (the bytes, with ``files``), ``checksums``, ``errors``.
"""

from sagewright.store.objects.model import (
    CORS,
    Attributes,
    Blob,
    Bucket,
    Checksum,
    Extent,
    Guard,
    ObjectInfo,
    ObjectPart,
    Page,
    Part,
    StoredObject,
    Upload,
)
from sagewright.store.objects.store import ObjectStore

__all__ = [
    "CORS",
    "Attributes",
    "Blob",
    "Bucket",
    "Checksum",
    "Extent",
    "Guard",
    "ObjectInfo",
    "ObjectPart",
    "ObjectStore",
    "Page",
    "Part",
    "StoredObject",
    "Upload",
]
