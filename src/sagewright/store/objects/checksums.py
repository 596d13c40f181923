"""The additional checksums of S3: computed while bytes pass, and combined when parts become one object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from awscrt import checksums as crt

FULL_OBJECT = "FULL_OBJECT"
COMPOSITE = "COMPOSITE"
DEFAULT = "CRC64NVME"
"""What S3 computes for an object whose client asked for nothing."""


class Hasher(Protocol):
    """The part of ``hashlib``'s objects that is needed here."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A cyclic redundancy check in ``hashlib``'s form; ``size`` is its width in bytes."""

    def __init__(self, function: Callable[[bytes | memoryview, int], int], size: int) -> None:
        self._function, self._size, self._value = function, size, 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _XXHash:
    """One of the xxHash family in ``hashlib``'s form."""

    def __init__(self, new: Callable[[], crt.XXHash]) -> None:
        self._hash = new()

    def update(self, data: bytes | memoryview, /) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        return bytes(self._hash.finalize())


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """How to start a checksum, and for linear ones how to join those of two neighbouring pieces."""

    new: Callable[[], Hasher]
    combine: Callable[[int, int, int], int] | None = None
    multipart: tuple[str, ...] = (COMPOSITE,)
    """The types S3 allows for a multipart upload, its default first."""


_ALGORITHMS = {
    "CRC32": _Algorithm(partial(_Crc, zlib.crc32, 4), crt.combine_crc32, (COMPOSITE, FULL_OBJECT)),
    "CRC32C": _Algorithm(partial(_Crc, crt.crc32c, 4), crt.combine_crc32c, (COMPOSITE, FULL_OBJECT)),
    "CRC64NVME": _Algorithm(partial(_Crc, crt.crc64nvme, 8), crt.combine_crc64nvme, (FULL_OBJECT,)),
    "SHA1": _Algorithm(partial(hashlib.sha1, usedforsecurity=False)),
    "SHA256": _Algorithm(hashlib.sha256),
    "SHA512": _Algorithm(hashlib.sha512),
    "MD5": _Algorithm(partial(hashlib.md5, usedforsecurity=False)),
    "XXHASH64": _Algorithm(partial(_XXHash, crt.XXHash.new_xxhash64)),
    "XXHASH3": _Algorithm(partial(_XXHash, crt.XXHash.new_xxhash3_64)),
    "XXHASH128": _Algorithm(partial(_XXHash, crt.XXHash.new_xxhash3_128)),
}
ALGORITHMS = tuple(_ALGORITHMS)


def new(algorithm: str) -> Hasher:
    """A fresh checksum; raises ``KeyError`` for a name not in ``ALGORITHMS``."""
    return _ALGORITHMS[algorithm].new()


def multipart_types(algorithm: str) -> tuple[str, ...]:
    """The checksum types a multipart upload may have with ``algorithm``, S3's default first."""
    return _ALGORITHMS[algorithm].multipart


def encode(digest: bytes) -> str:
    """A digest as S3 writes it: base64 of its big-endian bytes."""
    return base64.b64encode(digest).decode()


def composite(algorithm: str, values: Sequence[str]) -> str:
    """The checksum of the parts' checksums, with the number of parts: ``<base64>-<N>``."""
    hasher = new(algorithm)
    for value in values:
        hasher.update(base64.b64decode(value))
    return f"{encode(hasher.digest())}-{len(values)}"


def combined(algorithm: str, values: Sequence[tuple[str, int]]) -> str:
    """The checksum of the whole from those of its pieces, each with its length in bytes, without reading them.

    Raises ``ValueError`` for an algorithm that cannot be combined (all but the CRCs).
    """
    combine = _ALGORITHMS[algorithm].combine
    if combine is None:
        raise ValueError(f"{algorithm} checksums cannot be combined")
    start = new(algorithm).digest()
    total = int.from_bytes(start, "big")
    for value, length in values:
        total = combine(total, int.from_bytes(base64.b64decode(value), "big"), length)
    return encode(total.to_bytes(len(start), "big"))
