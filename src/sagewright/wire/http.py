"""HTTP messages as values, independent of the server that carries them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class SupportsRead(Protocol):
    """What can be read piece by piece."""

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end; all that is left when ``size`` is negative."""
        ...


class BodyReader(SupportsRead, Protocol):
    """A request body as it arrives. Reading blocks the calling thread, never the event loop."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer``; the number of bytes read, less than there is room for only at the end."""
        ...


def fill(source: SupportsRead, buffer: memoryview) -> int:
    """``readinto`` by means of ``read``."""
    filled = 0
    while filled < len(buffer) and (data := source.read(len(buffer) - filled)):
        buffer[filled : filled + len(data)] = data
        filled += len(data)
    return filled


class ChunkProof(Protocol):
    """Proves the chunks of a signed ``aws-chunked`` body one after the other. Both methods raise ``AwsError``."""

    @property
    def signs_trailers(self) -> bool:
        """Whether a signature over the trailers follows them."""
        ...

    def chunk(self, signature: str, sha256: str) -> None:
        """``signature`` is the next chunk's, whose bytes hash to ``sha256`` (hex)."""
        ...

    def trailers(self, signature: str, sha256: str) -> None:
        """The same for the lines of the trailers."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """A way in for the processes of one run alone: a socket that listens in their own network.

    They get keys of ``role`` (an ARN) from ``path``. ``tunnels`` says whether CONNECT takes them further than to us.
    """

    run_id: str
    role: str
    path: str
    tunnels: bool


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are lower-case; a header sent twice is joined by ``", "``.

    ``raw_path`` and ``raw_query`` are the bytes of the request line (as text, still percent-encoded), which
    signature checks need; ``path`` is ``raw_path`` percent-decoded once as UTF-8 with surrogateescape.
    """

    method: str
    raw_path: str
    raw_query: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: BodyReader
    client: str = ""
    chunks: ChunkProof | None = None
    """What the chunks of the body are to be held to, where each is signed."""
    secure: bool = False
    """Whether nobody could read the request on its way: it came through TLS, or never left this machine's memory."""
    door: Door | None = None
    """The door it came in by; None for the port that is everybody's."""

    proved: Callable[[], None] | None = None
    """To be called, from any thread, when the request is proven to come from a holder of keys."""

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Part of a file."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class FileBody:
    """Parts of files, one after the other, to be sent without passing through Python where the system can.

    Whoever reads them keeps it until the last is open: by its life the store knows that they are needed.
    """

    slices: tuple[FileSlice, ...]

    @property
    def length(self) -> int:
        """Bytes of all of them."""
        return sum(part.length for part in self.slices)


@dataclass(slots=True)
class Response:
    """One HTTP response. ``content-length`` is set by the server unless the body is an iterable of unknown length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | FileBody | Iterable[bytes] | AsyncIterator[bytes] = b""
    """An asynchronous iterator is read on the event loop; only answers of the fast path may be one."""


class BytesReader:
    """A body that is already in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else size
        chunk, self._data = bytes(self._data[:end]), self._data[end:]
        return chunk

    def readinto(self, buffer: memoryview, /) -> int:
        size = min(len(buffer), len(self._data))
        buffer[:size], self._data = self._data[:size], self._data[size:]
        return size
