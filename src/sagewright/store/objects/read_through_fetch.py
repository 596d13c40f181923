"""Objects on their way here: each written by one, read by any number of others while it arrives."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from threading import Condition, Lock, Thread

from sagewright.store.objects.background import BackgroundWork
from sagewright.store.objects.samples import Reference
from sagewright.store.outages import Away
from sagewright.wire.http import BodyReader, fill

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Objects that are fetched at one time; readers of others are passed through, and nothing of those is kept."""
PIECE = 1 << 20
STALLED_SECONDS = 60.0


class Fetch:
    """The bytes of one object as far as they are here, in a file without a name: what breaks off leaves nothing."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed with the last reader
        self._changed = Condition()
        self._ended = False
        self._error: Exception | None = None
        self.written = 0
        """How many bytes there are."""

    def write(self, data: bytes) -> None:
        """Add the next bytes. Raises the error that ended the fetch meanwhile."""
        if self._error is not None:
            raise self._error
        self._file.write(data)
        self._file.flush()
        with self._changed:
            self.written += len(data)
            self._changed.notify_all()

    def end(self, error: Exception | None = None) -> None:
        """Say that no more bytes come, because of ``error`` unless these are all."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def wait(self) -> None:
        """Return at the end. Raises the error that ended it."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended)
        if self._error is not None:
            raise self._error

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        """Some of the bytes, piece by piece, as they arrive. Raises the error that ended it, and ``TimeoutError``."""
        while length > 0:
            with self._changed:
                if not self._changed.wait_for(lambda at=offset: self._ended or self.written > at, STALLED_SECONDS):  # type: ignore[misc]
                    raise TimeoutError("an object of a public sample bucket does not arrive")
            if self.written <= offset:
                raise self._error or EOFError("an object of a public sample bucket is shorter than it was said to be")
            piece = os.pread(self._file.fileno(), min(PIECE, length, self.written - offset), offset)
            offset, length = offset + len(piece), length - len(piece)
            yield piece


class Copying:
    """A ``BodyReader`` that gives all it reads to a fetch as well."""

    def __init__(self, source: BodyReader, fetch: Fetch) -> None:
        self._source, self._fetch = source, fetch

    def read(self, size: int = -1) -> bytes:
        """As ``BodyReader.read``."""
        data = self._source.read(size)
        self._fetch.write(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As ``BodyReader.readinto``."""
        return fill(self, buffer)


class Fetches:
    """Fetches under way, one for each object however many ask for it. ``bring`` does one. Thread-safe."""

    def __init__(self, directory: Path, bring: Callable[[Reference, Fetch], None]) -> None:
        self._directory, self._bring = directory, bring
        self._lock = Lock()
        self._under_way: dict[tuple[str, str], Fetch] = {}
        self._background = BackgroundWork(AT_ONCE, "samples")

    def find(self, wanted: Reference) -> Fetch | None:
        """The fetch of an object that is under way."""
        with self._lock:
            return self._under_way.get(wanted[:2])

    def start(self, wanted: Reference, *, at_most: int = 0) -> Fetch | None:
        """The fetch of an object, begun unless it is under way; None where so many others are, if there is a bound."""
        with self._lock:
            fetch = self._under_way.get(wanted[:2])
            if fetch is None and (not at_most or len(self._under_way) < at_most):
                fetch = self._under_way[wanted[:2]] = Fetch(self._directory)
                Thread(target=self._run, args=(wanted, fetch), name="samples", daemon=True).start()
            return fetch

    def wait_for(self, wanted: Iterable[Reference]) -> None:
        """Return when all are here. Raises ``Coming`` when that takes longer, and what ended one of them."""
        work = {f"{each.bucket}/{each.key}": partial(self._finished, each) for each in wanted}
        self._background.wait_for(work, "objects of public sample buckets are being fetched")

    def close(self) -> None:
        """End all that are under way."""
        with self._lock:
            under_way = list(self._under_way.values())
        for fetch in under_way:
            fetch.end(Away("The server is ending."))
        self._background.close()

    def _finished(self, wanted: Reference) -> None:
        fetch = self.start(wanted)
        assert fetch is not None
        fetch.wait()

    def _run(self, wanted: Reference, fetch: Fetch) -> None:
        """Bring an object; whoever reads the fetch hears of its end when it is no longer under way."""
        error: Exception | None = None
        try:
            self._bring(wanted, fetch)
        except Exception as failure:
            error = failure
            log.warning("%s/%s of a public sample bucket was not fetched: %s", wanted.bucket, wanted.key, failure)
        with self._lock:
            del self._under_way[wanted[:2]]
        fetch.end(error)
