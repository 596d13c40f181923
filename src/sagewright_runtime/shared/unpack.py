"""Archives that users made: unpacked within bounds, and never outside their place."""

from __future__ import annotations

import contextlib
import gzip
import os
import tarfile
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, Any

MAX_FILES = 1_000_000
MAX_RATIO = 200
FREE_BYTES = 1 << 30
"""An archive may always hold this much; above it, ``MAX_RATIO`` times its own size."""
MAX_DESCRIPTION = 1 << 20
"""Bytes of a long name or of extended attributes, which are read into memory."""
_BAD_GZIP: type[Exception] = getattr(gzip, "BadGzipFile", zlib.error)  # Python 3.7 has none
_DESCRIPTIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def unpack(source: str, target: str, name: str = "", took: Callable[[int], None] | None = None) -> None:
    """Extract the (gzipped) tar at ``source``, which its owner calls ``name``, into directory ``target``.

    ``took`` is called with each number of bytes that was unpacked, and may raise to end it. Raises ``ValueError`` for
    what is no archive, holds too much or reaches outside, ``OSError`` for a full disk.
    """
    os.makedirs(target, exist_ok=True)
    with opened(source, name, took) as (archive, members):
        for member in members:
            extract(archive, member, target)


@contextlib.contextmanager
def opened(
    source: str, name: str = "", took: Callable[[int], None] | None = None
) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    """The (gzipped) tar at ``source``, and its members, to be read in order; ``took`` as in ``unpack``.

    Raises ``ValueError``, also out of the block, for what is no archive or holds too much.
    """
    limit = max(FREE_BYTES, MAX_RATIO * os.path.getsize(source))
    with open(source, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        plain: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=file) if zipped else file
        try:
            with tarfile.open(fileobj=_Bounded(plain, limit, took), mode="r|", tarinfo=_Member) as archive:  # type: ignore[call-overload]
                yield archive, _bounded(archive, limit)
        except (tarfile.TarError, EOFError, ValueError, _BAD_GZIP, zlib.error) as error:
            raise ValueError(f"{name or os.path.basename(source)} cannot be unpacked: {error}") from error


class _Member(tarfile.TarInfo):
    """Refuses the descriptions of members that alone would fill the memory."""

    @classmethod
    def frombuf(cls, *arguments: Any, **named: Any) -> _Member:
        member = super().frombuf(*arguments, **named)
        if member.type in _DESCRIPTIONS and member.size > MAX_DESCRIPTION:
            raise ValueError(f"it describes a file in {member.size} bytes")
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise ValueError("it holds a sparse file")
        return member

    def _proc_gnusparse_10(self, *_: Any) -> None:
        # tarfile's own would read a map of any length into memory.
        raise ValueError("it holds a sparse file")


def _bounded(archive: tarfile.TarFile, left: int) -> Iterator[tarfile.TarInfo]:
    """The members, as long as what they claim to be is not too much, before any of it is read."""
    for count, member in enumerate(archive, 1):
        left -= member.size
        if count > MAX_FILES:
            raise ValueError(f"it holds more than {MAX_FILES} files")
        if left < 0:
            raise ValueError("it holds far more than its size promises")
        yield member


class _Bounded:
    """Reads on behalf of an extraction and gives up once too much came out."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, left: int, took: Callable[[int], None] | None) -> None:
        self._file = file
        self._left = left
        self._took = took

    def read(self, size: int) -> bytes:
        block = self._file.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise ValueError("it holds far more than its size promises")
        if self._took is not None:
            self._took(len(block))
        return block


def extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    """Extract one member below directory ``target``, under Python's ``data`` filter or the same rules by hand.

    Raises ``ValueError`` or ``tarfile.TarError`` for a member that reaches outside or is no file, directory or link.
    """
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
