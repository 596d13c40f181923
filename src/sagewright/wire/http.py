"""HTTP messages as values, independent of the server that carries them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class BodyReader(Protocol):
    """A request body as it arrives. Reading blocks the calling thread, never the event loop."""

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end; all that is left when ``size`` is negative."""
        ...


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
    secure: bool = False
    """Whether the request came through TLS."""

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Part of a file, to be sent without passing through Python where the system can."""

    path: Path
    offset: int
    length: int


@dataclass(slots=True)
class Response:
    """One HTTP response. ``content-length`` is set by the server unless the body is an iterable of unknown length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | FileSlice | Iterable[bytes] = b""


class BytesReader:
    """A body that is already in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else size
        chunk, self._data = bytes(self._data[:end]), self._data[end:]
        return chunk
