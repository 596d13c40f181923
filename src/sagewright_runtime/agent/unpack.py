"""Archives that users made: unpacked within bounds, and never outside their place."""

from __future__ import annotations

import gzip
import os
import tarfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

MAX_FILES = 1_000_000
MAX_RATIO = 200
FREE_BYTES = 1 << 30
"""An archive may always hold this much; above it, ``MAX_RATIO`` times its own size."""


def unpack(source: str, target: str) -> None:
    """Extract the (gzipped) tar at ``source`` into directory ``target``.

    Raises ``ValueError`` for what is no archive, holds too much or reaches outside, ``OSError`` for a full disk.
    """
    os.makedirs(target, exist_ok=True)
    limit = max(FREE_BYTES, MAX_RATIO * os.path.getsize(source))
    with open(source, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        plain: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=file) if zipped else file
        try:
            with tarfile.open(fileobj=_Bounded(plain, limit), mode="r|") as archive:  # type: ignore[call-overload]
                for count, member in enumerate(archive):
                    if count >= MAX_FILES:
                        raise ValueError(f"it holds more than {MAX_FILES} files")
                    _extract(archive, member, target)
        except (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile) as error:
            raise ValueError(f"{os.path.basename(source)} cannot be unpacked: {error}") from error


class _Bounded:
    """Reads on behalf of an extraction and gives up once too much came out."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, left: int) -> None:
        self._file = file
        self._left = left

    def read(self, size: int) -> bytes:
        block = self._file.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise ValueError("it holds far more than its size promises")
        return block


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    if hasattr(tarfile, "data_filter"):
        archive.extract(member, target, filter="data")
        return
    # Python 3.11.0 to 3.11.3 (Debian 12's own) has no filters: the same rules by hand.
    member.name = member.name.lstrip("/")
    _require_inside(target, member.name)
    if member.issym():
        _require_inside(target, os.path.join(os.path.dirname(member.name), member.linkname))
    elif member.islnk():
        _require_inside(target, member.linkname)
    elif not (member.isreg() or member.isdir()):
        raise ValueError(f"{member.name!r} is neither a file, a directory nor a link")
    member.mode = (member.mode & 0o755) | (0o700 if member.isdir() else 0o600)
    member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
    archive.extract(member, target)


def _require_inside(target: str, name: str) -> None:
    root = os.path.realpath(target)
    if not (os.path.realpath(os.path.join(root, name)) + "/").startswith(root + "/"):
        raise ValueError(f"{name!r} reaches outside")
