"""The client of an S3 elsewhere: the few requests that blobs need, and what can go wrong in words for users.

Single requests go through obstore, whose calls cost a fifth to a tenth of botocore's; uploads in parts, which it does
not offer in full, go through botocore. Both get their keys from botocore's chain: a file, variables, a profile, a role.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from sagewright.core.config import Settings
from sagewright.store.outages import Away

if TYPE_CHECKING:
    from obstore.store import S3Credential

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5
RETRY_SECONDS = 10
KEY_SECONDS = 300
"""How long keys are used before the chain is asked for newer ones."""
AT_ONCE = 64
"""Requests under way at one time: a silent store must not take all threads of the server."""
ROOM_SECONDS = 2.0
FAILURES = 3
"""That many in a row, and the store counts as away: one request a second tries, the others are refused at once."""
TRY_SECONDS = 1.0
SETTINGS = "SAGEWRIGHT_S3_"
UNREACHABLE = "The external object store cannot be reached or does not answer as it should."
BUSY = "The external object store is too busy or broken."


class Missing(Away, FileNotFoundError):
    """The external object store does not have the bytes of an object."""


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket elsewhere, and how to get in. An empty ``endpoint`` is AWS's for the region.

    ``credentials_file`` is of the form of ``~/.aws/credentials``; where it is empty, the usual places are asked.
    ``timeout`` is the seconds of silence after which a request has failed; SDKs wait 60 for us.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    credentials_file: str = ""
    profile: str = ""
    timeout: float = 20.0
    ca_file: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Location | None:
        """What the settings name; None when the bytes of objects are files of this machine."""
        if not settings.s3_bucket:
            return None
        prefix = settings.s3_prefix.strip("/")
        return cls(
            settings.s3_bucket,
            f"{prefix}/" if prefix else "",
            settings.s3_endpoint_url.rstrip("/"),
            settings.s3_region,
            settings.s3_credentials_file,
            settings.s3_profile,
            settings.s3_timeout_seconds,
            settings.s3_ca_file,
        )

    @property
    def uri(self) -> str:
        """Bucket and prefix, which stay what they are; the way there may change."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def url(self) -> str:
        """The endpoint that is spoken to."""
        return self.endpoint or f"https://s3.{self.region}.amazonaws.com"

    def __str__(self) -> str:
        return f"{self.uri} at {self.url}"


@dataclass(frozen=True, slots=True)
class Copied:
    """A part of an upload that is copied from another object: bytes ``first`` to ``last``, both included."""

    name: str
    first: int
    last: int


class S3Client:
    """Objects under the location's prefix. Thread-safe. Every method raises ``Away`` when the store does not work.

    Raises ``ValueError`` when obstore is not installed or there are no keys.
    """

    def __init__(self, location: Location) -> None:
        try:
            import obstore  # noqa: PLC0415 - an extra
            from obstore.store import S3Store  # noqa: PLC0415
        except ImportError:
            raise ValueError(
                f"{SETTINGS}BUCKET asks for an external object store: pip install 'sagewright[s3]'"
            ) from None
        self.location = location
        self._obstore = obstore
        self._fuse = _Fuse()
        self._session = _session(location)
        self._store = S3Store(
            location.bucket,
            prefix=location.prefix or None,
            config={"endpoint": location.url, "region": location.region, "virtual_hosted_style_request": False},
            client_options={
                **({"root_certificate": _certificates(location.ca_file)} if location.ca_file else {}),
                "allow_http": location.url.startswith("http:"),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "read_timeout": timedelta(seconds=location.timeout),
                "timeout": timedelta(seconds=3 * location.timeout),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
            credential_provider=self._credential,
        )
        self._making = threading.Lock()

    @cached_property
    def _botocore(self) -> Any:
        """Made when the first large object comes: it takes a third of a second and 20 MB."""
        location = self.location
        with self._making:
            return self._session.create_client(
                "s3",
                region_name=location.region,
                endpoint_url=location.url,
                verify=location.ca_file or None,
                config=Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=location.timeout,
                    retries={"mode": "standard", "total_max_attempts": 2},
                    max_pool_connections=32,
                    request_checksum_calculation="when_required",  # what older stores do not know
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path", "payload_signing_enabled": True},
                ),
            )

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Write an object."""
        with self._fuse():
            self._obstore.put(self._store, name, data, use_multipart=False)

    def get(self, name: str, offset: int, length: int) -> bytes:
        """Part of an object, ``length`` at least 1. Raises ``Missing``."""
        with self._fuse():
            data = bytes(self._obstore.get_range(self._store, name, start=offset, length=length))
        if len(data) != length:
            raise Away(f"The external object store gave {len(data)} of {length} bytes.")
        return data

    def remove(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there are no error."""
        with suppress(Missing), self._fuse():
            if names:
                self._obstore.delete(self._store, list(names) if len(names) > 1 else names[0])

    def list(self, after: str = "") -> Iterator[Sequence[tuple[str, datetime]]]:
        """Names that come after ``after``, in order, with the times they were written; some at a time."""
        pages = iter(self._obstore.list(self._store, offset=after or None, chunk_size=1000))
        while True:
            with self._fuse():
                some = next(pages, None)
            if some is None:
                return
            yield [(str(each["path"]), each["last_modified"]) for each in some]

    def begin(self, name: str) -> str:
        """Start an upload in parts; gives its id."""
        with self._fuse():
            return str(self._botocore.create_multipart_upload(**self._named(name))["UploadId"])

    def part(self, name: str, upload: str, number: int, what: bytes | bytearray | Copied) -> str:
        """Upload or copy a part; gives its ETag. Raises ``Missing`` when there is nothing to copy from."""
        part = {**self._named(name), "UploadId": upload, "PartNumber": number}
        with self._fuse():
            if not isinstance(what, Copied):
                return str(self._botocore.upload_part(**part, Body=what)["ETag"])
            answer = self._botocore.upload_part_copy(
                **part, CopySource=self._named(what.name), CopySourceRange=f"bytes={what.first}-{what.last}"
            )
            return str(answer["CopyPartResult"]["ETag"])

    def complete(self, name: str, upload: str, etags: Sequence[str]) -> None:
        """Make one object of all parts. That it was done already, the answer being lost, is no error."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        with self._fuse():
            try:
                self._botocore.complete_multipart_upload(
                    **self._named(name), UploadId=upload, MultipartUpload={"Parts": parts}
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchUpload":
                    raise
                self._botocore.head_object(**self._named(name))

    def abort(self, name: str, upload: str) -> None:
        """Forget an upload; one that is gone already is no error."""
        with suppress(Missing), self._fuse():
            self._botocore.abort_multipart_upload(**self._named(name), UploadId=upload)

    def uploads(self) -> Iterator[tuple[str, str, datetime]]:
        """The unfinished uploads under the prefix: name, id, when they began."""
        paginator = self._botocore.get_paginator("list_multipart_uploads")
        pages = iter(paginator.paginate(Bucket=self.location.bucket, Prefix=self.location.prefix))
        while True:
            with self._fuse():
                page = next(pages, None)
            if page is None:
                return
            for each in page.get("Uploads", ()):
                yield each["Key"].removeprefix(self.location.prefix), each["UploadId"], each["Initiated"]

    def mark(self, name: str, text: str) -> str:
        """Write a small object unless it is there; gives what is there then. Raises what obstore does."""
        known = self._obstore.exceptions
        try:
            self._obstore.put(self._store, name, text.encode(), mode="create", use_multipart=False)
        except (known.AlreadyExistsError, known.PreconditionError):
            return bytes(self._obstore.get(self._store, name).bytes()).decode()
        return text

    def _named(self, name: str) -> dict[str, str]:
        return {"Bucket": self.location.bucket, "Key": self.location.prefix + name}

    def _credential(self) -> S3Credential:
        found = self._session.get_credentials()
        keys = found.get_frozen_credentials() if found is not None else None
        if keys is None or keys.access_key is None or keys.secret_key is None:
            raise ValueError("there are no keys any more")
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": datetime.now(UTC) + timedelta(seconds=KEY_SECONDS),
        }


def _session(location: Location) -> Session:
    session = Session(profile=location.profile or None)
    if location.credentials_file:
        session.set_config_variable("credentials_file", location.credentials_file)
    try:
        found = session.get_credentials()
    except BotoCoreError as error:  # such as a profile that is not there
        raise ValueError(f"{SETTINGS}CREDENTIALS_FILE, {SETTINGS}PROFILE: {error}") from None
    if found is None:
        raise ValueError(
            f"no keys for {location}: name a file by {SETTINGS}CREDENTIALS_FILE, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY for the server"
        )
    return session


def _certificates(file: str) -> bytes:
    try:
        return Path(file).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"{SETTINGS}CA_FILE={file}: {error.strerror}") from None


class _Fuse:
    """Lets requests through; each as it comes while the store works, one a second while it does not."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._failures = 0
        self._next_try = 0.0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Whatever the libraries raise inside becomes ``Away`` or ``Missing``."""
        if self._failures >= FAILURES:
            now = time.monotonic()
            if now < self._next_try:
                raise Away(UNREACHABLE)
            self._next_try = now + TRY_SECONDS
        if not self._room.acquire(timeout=ROOM_SECONDS):
            raise Away(BUSY)
        try:
            yield
            self._failures = 0
        except Away:
            raise
        except Exception as error:
            reason = why(error)
            if reason == Missing.__doc__:
                self._failures = 0
                raise Missing(reason) from None
            log.warning("%s %s: %s", reason, type(error).__name__, str(error).strip()[:300])
            self._failures = self._failures + 1 if reason in (BUSY, UNREACHABLE) else 0
            raise Away(reason) from None
        finally:
            self._room.release()


def why(error: Exception) -> str:
    """What a library's error means, in words for users."""
    told = f"{type(error).__name__} {error}"
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        told = error.response["Error"]["Code"]
        gone, refused, busy = status == 404, status in (401, 403), status in (429, 500, 502, 503, 504)
    else:
        gone = isinstance(error, FileNotFoundError)
        refused = any(each in told for each in ("PermissionDenied", "Unauthenticated", "403 Forbidden"))
        busy = any(each in told for each in ("SlowDown", " 429 ", " 500 ", " 502 ", " 503 ", " 504 "))
    if "NoSuchBucket" in told:
        return "The external object store does not have the server's bucket."
    if gone:
        return str(Missing.__doc__)
    if refused:
        return "The external object store refuses the server's keys."
    if busy:
        return BUSY
    return UNREACHABLE
