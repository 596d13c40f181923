"""Blobs as objects of an S3 elsewhere, under ``<prefix><two digits>/<id>``: a ``Storage``.

A write is acknowledged when the other side has acknowledged it. A read that finds the bytes in the local cache is one
of a file; else they are streamed, piece by piece, and stay in the cache if it was the whole of something not too large.
Who needs files, such as a job for its inputs, has them fetched in the background (``Coming``).
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event

from sagewright.store.objects.background import BackgroundWork
from sagewright.store.objects.blobs import open_regular
from sagewright.store.objects.cache import Cache
from sagewright.store.objects.model import Extent, Sums
from sagewright.store.objects.receive import copy_and_hash
from sagewright.store.objects.s3_client import SETTINGS, Copied, Location, Missing, S3Client, why
from sagewright.store.outages import Away, Coming
from sagewright.wire.http import BodyReader, FileBody, FileSlice

PIECE = 8 << 20
"""Bytes that are moved by one request."""
AHEAD = 2
"""Pieces under way for one reader or writer: what it takes in memory, and one more."""
SMALLEST_PART = 5 << 20
COPIED_AT_ONCE = 256 << 20
"""Bytes that one request has the other side copy: as much as takes seconds, not minutes."""
PARTS = 10_000
FETCHES = 4
HELD = 3600.0
"""Seconds for which a job's inputs stay in the cache, for agents that bring them in."""
SWEEP_SECONDS = 10.0
OWNER = "owner"
"""The name that says whose the prefix is."""


class Remote:
    """The blobs of one installation in a bucket elsewhere; ``directory`` and ``limit`` (bytes) are of the cache."""

    def __init__(self, location: Location, directory: Path, limit: int) -> None:
        self._client = S3Client(location)
        self._cache = Cache(directory, limit)
        self._pieces = ThreadPoolExecutor(16, thread_name_prefix="s3-piece")
        self._fetches = BackgroundWork(FETCHES, "s3-fetch")
        self._swept = ""
        self._closed = Event()

    @property
    def location(self) -> Location:
        """The bucket, and how to get in."""
        return self._client.location

    def claim(self, installation: str) -> None:
        """See to it that bucket and prefix work and are this installation's alone.

        Raises ``OSError`` with the setting that is wrong: what is not in our index would be deleted as garbage.
        """
        try:
            owner = self._client.mark(OWNER, installation)
        except Exception as error:  # the libraries' kinds are many
            raise OSError(explained(self.location, error)) from None
        if owner != installation:
            raise OSError(
                f"{self.location} belongs to another installation: give this one a {SETTINGS}PREFIX of its own"
            )

    def write(self, blob: str, source: BodyReader, algorithms: Sequence[str]) -> Sums:
        with _Upload(self._client, self._pieces, _name(blob)) as upload:
            return copy_and_hash(_Tee(source, upload), algorithms, None)

    def adopt(self, blob: str, source: Path, algorithms: Sequence[str]) -> Sums:
        with open_regular(source) as file:
            size = source.stat().st_size
            piece = max(PIECE, -(-size // (PARTS - 1)))
            with _Upload(self._client, self._pieces, _name(blob), piece) as upload:
                sums = copy_and_hash(_Tee(file, upload), algorithms, None)
            if self._cache.welcomes(size):
                self._cache.adopt(blob, source)
        return sums

    def join(self, blob: str, sources: Sequence[Extent]) -> None:
        """The other side copies, as far as its rules for parts allow it."""
        parts = _cut([source for source in sources if source.size])
        if all(part.last - part.first + 1 >= SMALLEST_PART for part in parts[:-1]) and parts:
            name = _name(blob)
            upload = self._client.begin(name)
            try:
                copies = self._pieces.map(
                    lambda numbered: self._client.part(name, upload, *numbered), enumerate(parts, 1)
                )
                self._client.complete(name, upload, list(copies))
            except BaseException:
                with suppress(Away):
                    self._client.abort(name, upload)
                raise
            return
        with _Upload(self._client, self._pieces, _name(blob)) as writer:
            for source in sources:
                for piece in self._stream(source.blob, 0, source.size):
                    writer.write(piece)

    def body(self, extent: Extent, offset: int, length: int) -> FileBody | Iterator[bytes]:
        path = self._cache.find(extent.blob)
        if path is not None:
            return FileBody((FileSlice(path, offset, length),))
        pieces = self._stream(extent.blob, offset, length)
        begun = _begun(next(pieces, b""), pieces)  # what cannot be read is told before the answer begins
        if length == extent.size and self._cache.welcomes(length):
            return self._cache.passing(extent.blob, begun, length)
        return begun

    def files(self, extents: Sequence[Extent]) -> Sequence[Path]:
        """In the cache, for an hour at least. Raises ``FileNotFoundError`` for bytes that are gone, and ``Away``."""
        found = {extent.blob: self._cache.find(extent.blob, HELD) for extent in extents}
        missing = [extent for extent in extents if found[extent.blob] is None]
        if not missing:
            return [path for extent in extents if (path := found[extent.blob]) is not None]
        fetches = {extent.blob: partial(self._fetch, extent) for extent in missing}
        self._fetches.wait_for(fetches, f"files are being fetched from {self.location}")
        return self.files(extents)

    def remove(self, blobs: Sequence[str], *, torn: bool = False) -> None:
        if torn and blobs:
            for name, upload, _ in list(self._client.uploads()):
                if name in {_name(blob) for blob in blobs}:
                    self._client.abort(name, upload)
        for start in range(0, len(blobs), 1000):
            self._client.remove([_name(blob) for blob in blobs[start : start + 1000]])
        self._cache.remove(blobs)

    def clear(self) -> None:
        """Only what is the installation's: other prefixes are not looked at."""
        for blobs in self.present():
            self.remove(blobs)
        self._cache.clear()

    def orphans(self, seconds: float) -> Iterator[Sequence[str]]:
        """By listing: a machine that is gone has taken its doubts along. Uploads of that age are ended, too.

        It takes ``SWEEP_SECONDS`` at most, and goes on the next time where it ended.
        """
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        end = time.monotonic() + SWEEP_SECONDS
        if not self._swept:
            for name, upload, begun in list(self._client.uploads()):
                if begun < before:
                    self._client.abort(name, upload)
        for some in self._client.list(self._swept):
            yield _blobs(name for name, written in some if written < before)
            if some and (time.monotonic() > end or self._closed.is_set()):
                self._swept = some[-1][0]
                return
        self._swept = ""

    def present(self) -> Iterator[Sequence[str]]:
        """All blobs that are there, some at a time."""
        for some in self._client.list():
            yield _blobs(name for name, _ in some)

    def close(self) -> None:
        self._closed.set()
        self._fetches.close()
        self._pieces.shutdown(cancel_futures=True)
        self._cache.close()

    def _fetch(self, extent: Extent) -> None:
        try:
            self._cache.fill(extent.blob, self._unless_closed(self._stream(extent.blob, 0, extent.size)))
        except Missing as error:
            raise FileNotFoundError(str(error)) from None

    def _unless_closed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._closed.is_set():
                raise Coming("the server ends; the next one fetches it again")
            yield piece

    def _stream(self, blob: str, offset: int, length: int) -> Iterator[bytes]:
        """Part of a blob, in pieces that are asked for ahead of time. The first is asked for alone."""
        name, end = _name(blob), offset + length
        ranges = ((start, min(PIECE, end - start)) for start in range(offset, end, PIECE))
        first = next(ranges, None)
        if first is None:
            return
        yield self._client.get(name, *first)
        coming = deque(self._pieces.submit(self._client.get, name, *each) for each in _some(ranges, AHEAD))
        try:
            while coming:
                yield coming.popleft().result()
                coming.extend(self._pieces.submit(self._client.get, name, *each) for each in _some(ranges, 1))
        finally:
            for future in coming:
                future.cancel()


def tried(location: Location) -> str:
    """What is wrong with a bucket, found by writing, listing and deleting a small object; empty when nothing is."""
    name = f"probe-{uuid.uuid4().hex}"
    try:
        client = S3Client(location)
        client.mark(name, name)
        next(client.list(), None)
        client.remove([name])
    except Exception as error:  # the libraries' kinds are many
        return str(error) if isinstance(error, ValueError | Away) else explained(location, error)
    return ""


class _Upload:
    """Writes one object: at once when it is small, else in parts while it comes. Left by an exception, it never was."""

    def __init__(self, client: S3Client, pool: ThreadPoolExecutor, name: str, piece: int = PIECE) -> None:
        self._client, self._pool, self._name, self._piece = client, pool, name, piece
        self._buffer = bytearray()
        self._upload = ""
        self._under_way: deque[Future[str]] = deque()
        self._etags: list[str] = []

    def __enter__(self) -> _Upload:
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Take more bytes; waits when too many are under way."""
        self._buffer += data
        while len(self._buffer) > self._piece:
            if not self._upload:
                self._upload = self._client.begin(self._name)
            part = self._buffer[: self._piece]
            del self._buffer[: self._piece]
            self._send(part)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._finish()
        except BaseException:
            kind = BaseException
            raise
        finally:
            if kind is not None and self._upload:
                self._abort()

    def _finish(self) -> None:
        if not self._upload:
            self._client.put(self._name, bytes(self._buffer))
            return
        self._send(self._buffer)
        while self._under_way:
            self._etags.append(self._under_way.popleft().result())
        self._client.complete(self._name, self._upload, self._etags)

    def _send(self, part: bytearray) -> None:
        number = len(self._etags) + len(self._under_way) + 1
        self._under_way.append(self._pool.submit(self._client.part, self._name, self._upload, number, part))
        if len(self._under_way) >= AHEAD:
            self._etags.append(self._under_way.popleft().result())

    def _abort(self) -> None:
        wait(self._under_way)
        with suppress(Away):  # the sweep of orphans ends it
            self._client.abort(self._name, self._upload)


class _Tee:
    """A ``BodyReader`` whose bytes are written to an upload as they are read."""

    def __init__(self, source: BodyReader, upload: _Upload) -> None:
        self._source, self._upload = source, upload

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._upload.write(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        size = self._source.readinto(buffer)
        self._upload.write(buffer[:size])
        return size


def explained(location: Location, error: Exception) -> str:
    """What is wrong with the settings, when the first requests fail like that."""
    reason, told = why(error), str(error).strip().splitlines()[0][:300]
    if "bucket" in reason:
        return f"{SETTINGS}BUCKET={location.bucket}: there is no such bucket at {location.url}"
    if "keys" in reason:
        return (
            f"{location} refuses the server's keys ({told}): check {SETTINGS}CREDENTIALS_FILE, {SETTINGS}PROFILE or "
            f"AWS_ACCESS_KEY_ID, {SETTINGS}REGION={location.region}, and that they may read, write and list the bucket"
        )
    return f"{SETTINGS}ENDPOINT_URL={location.url}: {reason} {told}"


def _name(blob: str) -> str:
    return f"{blob[:2]}/{blob}"


def _blobs(names: Iterable[str]) -> Sequence[str]:
    return [name[3:] for name in names if name[2:3] == "/"]


def _some(ranges: Iterator[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    return [each for _, each in zip(range(count), ranges, strict=False)]


def _begun(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _cut(sources: Sequence[Extent]) -> list[Copied]:
    """The parts to copy: each source in as many equal ones as it needs."""
    most = max(COPIED_AT_ONCE, -(-sum(source.size for source in sources) // (PARTS // 2)))
    parts = []
    for source in sources:
        count = -(-source.size // most)
        edges = [source.size * number // count for number in range(count + 1)]
        parts += [Copied(_name(source.blob), first, after - 1) for first, after in pairwise(edges)]
    return parts
