"""A million keys in one bucket cost a request no more than a few thousand do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from sagewright.store.database import Database
from sagewright.store.objects import ObjectStore
from sagewright.store.objects.errors import BucketNotEmpty
from sagewright.store.schema import metadata
from sagewright.wire.http import BytesReader

FOLDERS = 20
FEW, MANY = 2_000, 1_000_000
_FILL = text("""\
INSERT INTO objects (bucket, "key", blob, size, etag, modified, algorithm, checksum, checksum_type, attributes, parts)
WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count - 1)
SELECT :bucket, CAST(printf('%02d/%06d', i / (:count / :folders), i % (:count / :folders)) AS BLOB),
       printf('%032x', i), 1, '', 1.0, 'CRC64NVME', '', 'FULL_OBJECT', '{}', '{}' FROM numbers
""")

Act = Callable[[ObjectStore, str], object]


def _put(key: str) -> Act:
    def put(store: ObjectStore, bucket: str) -> object:
        with store.receive(BytesReader(b"data")) as blob:
            return store.put(bucket, key, blob)

    return put


def _refused(store: ObjectStore, bucket: str) -> object:
    with pytest.raises(BucketNotEmpty):
        store.delete_bucket(bucket)
    return None


def _all_of_few(store: ObjectStore, _bucket: str) -> object:
    return store.list("few", limit=FEW)


REQUESTS: dict[str, Act] = {
    "first page": lambda store, bucket: store.list(bucket, limit=90),
    "a page from the middle": lambda store, bucket: store.list(bucket, start_after="09/000050", limit=90),
    "the last page": lambda store, bucket: store.list(bucket, start_after="19/000009", limit=90),
    "a page of a prefix": lambda store, bucket: store.list(bucket, prefix="07/0", start_after="07/000005", limit=90),
    "folders": lambda store, bucket: store.list(bucket, delimiter="/"),
    "folders from the middle": lambda store, bucket: store.list(bucket, delimiter="/", start_after="09/x"),
    "no such prefix": lambda store, bucket: store.list(bucket, prefix="07x"),
    "head": lambda store, bucket: store.head(bucket, "11/000042"),
    "head of none": lambda store, bucket: store.head(bucket, "11/none"),
    "put anew": _put("11/new"),
    "put over": _put("11/new"),
    "delete": lambda store, bucket: store.delete(bucket, ["11/new"]),
    "delete a thousand": lambda store, bucket: store.delete(bucket, [f"11/none{n}" for n in range(1000)]),
    "delete of the bucket is refused": _refused,
}


def _counted(database: Database) -> list[int]:
    """How many hundred instructions SQLite's machine carries out from now on: the same in each run, unlike time."""
    hundreds = [0]

    def count() -> None:
        hundreds[0] += 1

    def begin(connection: Any, _record: Any) -> None:
        connection.set_progress_handler(count, 100)

    event.listen(database.engine, "connect", begin)
    return hundreds


@pytest.mark.slow
def test_what_a_request_costs_does_not_grow(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    hundreds = _counted(database)
    metadata.create_all(database.engine)
    store = ObjectStore(database, tmp_path / "objects")
    for bucket, count in (("few", FEW), ("many", MANY)):
        store.create_bucket(bucket, "123456789012", "us-east-1")
        with database.write() as connection:
            connection.execute(_FILL, {"bucket": bucket, "count": count, "folders": FOLDERS})
    costs: dict[str, tuple[int, int]] = {}
    for name, request in {**REQUESTS, "all of few": _all_of_few}.items():
        spent = []
        for bucket in ("few", "many"):
            before = hundreds[0]
            request(store, bucket)
            spent.append(hundreds[0] - before)
        costs[name] = (spent[0], spent[1])
    assert min(costs.pop("all of few")) > FEW // 100, "reading rows is not counted"
    assert {name: cost for name, cost in costs.items() if cost[1] > cost[0] + 2} == {}
    store.close()
    database.close()
