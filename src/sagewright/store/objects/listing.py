"""Listing by seeking: a page costs what it shows, not what the bucket holds.

S3 orders keys by their UTF-8 bytes and folds those that share ``prefix…delimiter`` into one common prefix. After such
a key the search goes on behind everything that starts with the common prefix, so folded keys are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, select

from sagewright.store.objects.model import Checksum, ObjectInfo, Page
from sagewright.store.schema import objects

_COLUMNS = (
    objects.c.key,
    objects.c.blob,
    objects.c.size,
    objects.c.etag,
    objects.c.modified,
    objects.c.algorithm,
    objects.c.checksum,
    objects.c.checksum_type,
)
_ROWS = (
    select(*_COLUMNS)
    .where(objects.c.bucket == bindparam("in"), objects.c.key >= bindparam("low"), objects.c.key < bindparam("high"))
    .order_by(objects.c.key)
    .limit(bindparam("limit", type_=Integer()))
)
_BEYOND = b"\xff"
"""Greater than every key: UTF-8 has no such byte."""
_FEW = 8
"""Rows to read where most may turn out to be folded."""


class Lister:
    """Pages of one bucket's keys that start with ``prefix``."""

    def __init__(self, bucket: str, prefix: str, delimiter: str) -> None:
        self._bucket, self._prefix, self._delimiter = bucket, prefix, delimiter

    def page(self, connection: Connection, start_after: str, limit: int) -> Page:
        """Up to ``limit`` keys and common prefixes that come after ``start_after``."""
        if limit <= 0:
            return Page()
        found: list[ObjectInfo] = []
        folded: list[str] = []
        last = ""
        low, want = self._start(start_after), _FEW if self._delimiter else limit + 1
        while True:
            rows = self._rows(connection, low, want)
            used = 0
            for row in rows:
                if row.key.encode() < low:
                    continue
                if len(found) + len(folded) == limit:
                    return Page(tuple(found), tuple(folded), last)
                used += 1
                common = self._common_prefix(row.key)
                last = common or row.key
                if common:
                    folded.append(common)
                    low = successor(common)
                else:
                    found.append(_info(self._bucket, row))
                    low = row.key.encode() + b"\0"
            if len(rows) < want:
                return Page(tuple(found), tuple(folded))
            want = min(want * 4 if used > want // 2 else _FEW, limit + 1 - len(found) - len(folded))

    def _start(self, after: str) -> bytes:
        if not after.startswith(self._prefix):
            return max(self._prefix.encode(), after.encode() + b"\0") if after else self._prefix.encode()
        common = self._common_prefix(after)
        return successor(common) if common else after.encode() + b"\0" if after else b""

    def _common_prefix(self, key: str) -> str:
        end = key.find(self._delimiter, len(self._prefix)) if self._delimiter else -1
        return key[: end + len(self._delimiter)] if end >= 0 else ""

    def _rows(self, connection: Connection, low: bytes, limit: int) -> Sequence[Any]:
        high = successor(self._prefix) if self._prefix else _BEYOND
        return connection.execute(_ROWS, {"in": self._bucket, "low": low, "high": high, "limit": limit}).all()


def successor(prefix: str) -> bytes:
    """The least byte string that is greater than every one that starts with ``prefix`` (UTF-8 has no byte 0xff)."""
    raw = prefix.encode()
    return raw[:-1] + bytes([raw[-1] + 1])


def _info(bucket: str, row: Any) -> ObjectInfo:
    return ObjectInfo(
        bucket=bucket,
        key=row.key,
        size=row.size,
        etag=row.etag,
        modified=row.modified,
        blob=row.blob,
        checksum=Checksum(row.algorithm, row.checksum, row.checksum_type),
    )
