"""AWS's public sample buckets: which there are, and how objects of theirs are asked for, unsigned."""

from __future__ import annotations

import re
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from sagewright.store.objects.errors import ObjectStoreError
from sagewright.store.objects.model import Attributes, Checksum, ObjectInfo, Page, StoredObject

ACCOUNT = "000000000000"
"""The account that holds sample buckets here."""
REFERENCE = "sample:"
"""What the blob of an object begins with that is not held: bucket and key follow."""
AT_ONCE = 16
"""Requests to AWS at one time."""
ROOM_SECONDS = 2.0
CONNECT_SECONDS = 5
SILENT_SECONDS = 20
AWAY_SECONDS = 5.0
"""After a request that could not be made, others are refused for this long without a try."""
_REGION = r"(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d)"
_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
_LAST = "\U0010ffff"
"""Sorts behind every other character: keys below a common prefix come before the prefix with it."""


class SamplesAway(ObjectStoreError):
    """The public sample bucket is not held by this server, and AWS cannot be reached."""

    code = "NoSuchBucket"
    status = 404

    def __init__(self, bucket: str, why: str) -> None:
        super().__init__(
            f"{bucket} is a public sample bucket of AWS's. This server does not hold what is asked for, and AWS cannot "
            f"be reached: {why} Fill the bucket from a folder by: sagewright samples add {bucket} FOLDER",
            BucketName=bucket,
        )


class SampleDenied(ObjectStoreError):
    """Access Denied"""

    code = "AccessDenied"
    status = 403


class Reference(NamedTuple):
    """An object of a sample bucket, and its size in bytes."""

    bucket: str
    key: str
    size: int

    @classmethod
    def of(cls, blob: str, size: int) -> Reference | None:
        """What a blob's id refers to, None for a blob that is held."""
        if not blob.startswith(REFERENCE):
            return None
        bucket, _, key = blob.removeprefix(REFERENCE).partition("/")
        return cls(bucket, key, size)


class _Listed(NamedTuple):
    name: re.Pattern[str]
    region: str
    text: str


def names() -> list[str]:
    """The names of the list, REGION for a region's code."""
    return [each.text for each in _list()]


@lru_cache(maxsize=1024)
def region_of(bucket: str) -> str | None:
    """The region that the list has for a sample bucket, None for every other bucket."""
    for each in _list():
        if found := each.name.fullmatch(bucket):
            region = each.region or str(found["region"])
            return region if region in _regions() else None
    return None


@lru_cache(maxsize=1)
def _regions() -> frozenset[str]:
    """The regions that there are: what a name makes up is no region, for each costs a client."""
    session = Session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("s3", partition)
    )


@lru_cache(maxsize=1)
def _list() -> tuple[_Listed, ...]:
    entries = tomllib.loads(Path(__file__).with_name("sample_buckets.toml").read_text())["bucket"]
    return tuple(
        _Listed(re.compile(re.escape(each["name"]).replace("REGION", _REGION)), each.get("region", ""), each["name"])
        for each in entries
    )


class Upstream:
    """AWS, or the S3 at ``url``, asked without a signature. Thread-safe.

    Methods raise SamplesAway when it cannot be reached and SampleDenied when it refuses.
    """

    def __init__(self, url: str = "") -> None:
        self._url = url
        self._clients: dict[str, Any] = {}
        self._regions: dict[str, str] = {}
        self._session = Session()
        self._session.set_config_variable("ignore_configured_endpoint_urls", True)  # they name this server
        self._making = threading.Lock()
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._away: dict[str, tuple[float, str]] = {}
        """Until when, and why, a region is not asked."""

    def __str__(self) -> str:
        return self._url or "AWS"

    def region(self, bucket: str) -> str | None:
        """The bucket's region, None when there is no such bucket."""
        if bucket in self._regions:
            return self._regions[bucket]
        guess = region_of(bucket) or "us-east-1"
        with self._asked(bucket):
            try:
                answer = self._client(guess).head_bucket(Bucket=bucket)
            except ClientError as error:
                answer = error.response
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return None
        if status >= 500:
            raise SamplesAway(bucket, f"it answered {status}.")
        self._regions[bucket] = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", guess)
        return self._regions[bucket]

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The object as AWS has it, None when there is none."""
        with self._asked(bucket):
            try:
                return _described(bucket, key, self._of(bucket).head_object(Bucket=bucket, Key=key))
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise

    @contextmanager
    def get(self, bucket: str, key: str, first: int | None = None, last: int = 0) -> Iterator[tuple[StoredObject, Any]]:
        """The object and a reader of its bytes, of those from ``first`` to ``last`` when a first one is given."""
        some = {} if first is None else {"Range": f"bytes={first}-{last}"}
        with self._errors(bucket):
            with self._asked(bucket):
                answer = self._of(bucket).get_object(Bucket=bucket, Key=key, **some)
            try:  # who reads slowly keeps nobody else from asking
                yield _described(bucket, key, answer), answer["Body"]
            finally:
                answer["Body"].close()

    def list(self, bucket: str, prefix: str, delimiter: str, start_after: str, limit: int) -> Page:
        """A page of the bucket's objects, on the terms of ``ObjectStore.list``."""
        if limit <= 0:
            return Page()
        if delimiter and start_after.startswith(prefix) and delimiter in start_after[len(prefix) :]:
            end = start_after.index(delimiter, len(prefix)) + len(delimiter)
            start_after = start_after[:end] + _LAST
        asked = {"Prefix": prefix, "Delimiter": delimiter, "StartAfter": start_after}
        with self._asked(bucket):
            answer = self._of(bucket).list_objects_v2(
                Bucket=bucket, MaxKeys=limit, **{name: value for name, value in asked.items() if value}
            )
        found = tuple(_listed(bucket, each) for each in answer.get("Contents", ()))
        folded = tuple(each["Prefix"] for each in answer.get("CommonPrefixes", ()))
        last = max((found[-1].key if found else "", folded[-1] if folded else ""), key=str.encode)
        return Page(found, folded, last if answer["IsTruncated"] else None)

    @contextmanager
    def _asked(self, bucket: str) -> Iterator[None]:
        """Bounds how many ask at one time, and turns what goes wrong into errors for users."""
        until, why = self._away.get(self._where(bucket), (0.0, ""))
        if time.monotonic() < until:
            raise SamplesAway(bucket, why)
        if not self._room.acquire(timeout=ROOM_SECONDS):
            raise SamplesAway(bucket, "too many requests to it are under way.")
        try:
            with self._errors(bucket):
                yield
        finally:
            self._room.release()

    @contextmanager
    def _errors(self, bucket: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
            if status == 404:
                raise ObjectStoreError(error.response["Error"].get("Message"), code=code, status=404) from None
            if status in (401, 403):
                raise SampleDenied from None
            raise SamplesAway(bucket, f"it answered {status} {code}.") from None
        except BotoCoreError as error:
            why = f"{error}".rstrip(".") + "."
            self._away[self._where(bucket)] = (time.monotonic() + AWAY_SECONDS, why)
            raise SamplesAway(bucket, why) from None

    def _where(self, bucket: str) -> str:
        """What is away when a request for the bucket cannot be made: a region, or the one S3 that there is."""
        return "" if self._url else str(self._regions.get(bucket) or region_of(bucket))

    def _of(self, bucket: str) -> Any:
        return self._client(self._regions.get(bucket) or region_of(bucket) or "us-east-1")

    def _client(self, region: str) -> Any:
        with self._making:
            if region not in self._clients:
                self._clients[region] = self._session.create_client(
                    "s3",
                    region_name=region,
                    endpoint_url=self._url or None,
                    config=Config(
                        signature_version=UNSIGNED,
                        connect_timeout=CONNECT_SECONDS,
                        read_timeout=SILENT_SECONDS,
                        retries={"mode": "standard", "total_max_attempts": 2},
                        max_pool_connections=AT_ONCE,
                        response_checksum_validation="when_required",
                        s3={"addressing_style": "path"},
                    ),
                )
            return self._clients[region]


def _described(bucket: str, key: str, answer: Mapping[str, Any]) -> StoredObject:
    headers = {name: answer[name] for name in _HEADERS if answer.get(name)}
    return StoredObject(
        bucket=bucket,
        key=key,
        size=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        modified=answer["LastModified"].timestamp(),
        blob=f"{REFERENCE}{bucket}/{key}",
        checksum=Checksum("", ""),
        attributes=Attributes(headers, answer.get("Metadata", {})),
    )


def _listed(bucket: str, entry: Mapping[str, Any]) -> ObjectInfo:
    return ObjectInfo(
        bucket=bucket,
        key=entry["Key"],
        size=entry["Size"],
        etag=entry["ETag"].strip('"'),
        modified=entry["LastModified"].timestamp(),
        blob=f"{REFERENCE}{bucket}/{entry['Key']}",
        checksum=Checksum("", ""),
    )
