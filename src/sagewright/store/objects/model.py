"""The values of the object store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sagewright.store.objects.checksums import FULL_OBJECT

CORS = "cors"
"""The bucket setting that the gateway enforces: CORS rules as S3's model spells them."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket. Names are global, as in S3; ``created`` is in seconds since the epoch."""

    name: str
    account: str
    region: str
    created: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What S3's bucket operations configure, each under a name of its own. The store keeps it and reads none."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """An additional checksum: ``value`` is base64, of type COMPOSITE with ``-<number of parts>`` at its end."""

    algorithm: str
    value: str
    type: str = FULL_OBJECT


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a client says about an object. The store keeps the maps and reads none."""

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sums:
    """What passing bytes came to: their number, their MD5 in hex, and the checksums asked for in base64."""

    size: int
    md5: str
    checksums: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Extent:
    """A blob and its size in bytes: all that is needed to read it."""

    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the store that no key names yet, and what they came to."""

    id: str
    sums: Sums

    @property
    def extent(self) -> Extent:
        """Its bytes."""
        return Extent(self.id, self.sums.size)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as lists show it: ``etag`` without quotes, ``modified`` in seconds since the epoch.

    ``blob`` is the id of its bytes. They outlive a replaced or deleted object for ``delayed_delete.GRACE`` seconds.
    """

    bucket: str
    key: str
    size: int
    etag: str
    modified: float
    blob: str
    checksum: Checksum

    @property
    def extent(self) -> Extent:
        """Its bytes."""
        return Extent(self.blob, self.size)


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """A part of a finished object; ``checksum`` is base64, in the object's algorithm."""

    number: int
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class StoredObject(ObjectInfo):
    """An object with all that is known of it: the parts it was uploaded in, if it was, and by which upload."""

    attributes: Attributes
    parts: tuple[ObjectPart, ...] = ()
    upload: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing. ``next`` is what to pass as ``start_after`` for the following page, None on the last."""

    objects: tuple[ObjectInfo, ...] = ()
    common_prefixes: tuple[str, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload in progress; ``checksum_type`` says what becomes of its parts' checksums."""

    id: str
    bucket: str
    key: str
    created: float
    algorithm: str
    checksum_type: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded part; ``checksum`` is base64, in its upload's algorithm."""

    number: int
    size: int
    etag: str
    checksum: str
    modified: float
    blob: str

    @property
    def extent(self) -> Extent:
        """Its bytes."""
        return Extent(self.blob, self.size)


Guard: TypeAlias = Callable[[StoredObject | None], None]
"""Looks at the object now under a key, inside the transaction that would change it, and raises to forbid that."""
