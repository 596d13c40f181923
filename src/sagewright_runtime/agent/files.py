"""Files in and out: lays out a job's ``/opt/ml`` from its inputs and packs its outputs."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from collections.abc import Callable, Iterator
    from typing import IO, Any

    from sagewright_runtime.shared.tree import Tree

DIRECTORIES = ("input/config", "input/data", "model", "output/data", "code")
_COMPRESSION = 3
_BLOCK = 1 << 20
_SAID_CHARACTERS = 1024
_COPIED_AT_ONCE = 64 << 20
_LOOK_BYTES = 16 << 20
_PERMISSIONS = 0o777
"""What is kept of a file's mode: an archive that root unpacks must not make programs that become root."""


class Stopped(Exception):
    """The run was stopped while its files were brought in."""


class _Coming:
    """Looks after what is brought in to ``place``: a little file may unpack to more than there is room for.

    ``most`` bytes (0: no limit) may come out of archives, and ``reserve`` bytes of the disk are not the job's.
    """

    def __init__(self, place: str, most: int, reserve: int, stopped: Callable[[], bool]) -> None:
        self._place = place
        self._most = most
        self._reserve = reserve
        self._stopped = stopped
        self._unpacked = 0
        self._unseen = 0

    def unpacked(self, count: int) -> None:
        """So many bytes came out of an archive. Raises ``ValueError``, and as ``copied``."""
        self._unpacked += count
        if self._most and self._unpacked > self._most:
            raise ValueError("it has more bytes, unpacked, than the job may have on disk")
        self.copied(count)

    def copied(self, count: int) -> None:
        """So many bytes were written. Raises ``OSError`` where the disk has too little room, and ``Stopped``."""
        self._unseen += count
        if self._unseen < _LOOK_BYTES:
            return
        self._unseen = 0
        if self._stopped():
            raise Stopped
        state = os.statvfs(self._place)
        left = state.f_bavail * state.f_frsize
        if left < self._reserve:
            raise OSError(f"out of disk: the machine has {left >> 20} MiB left")


def lay_out(tree: Tree, document: dict[str, Any], stopped: Callable[[], bool]) -> None:
    """Make the directories, write ``files`` and bring the ``inputs`` in.

    Raises ``ValueError`` for a path that leaves its place or an archive over the bounds, ``OSError`` for what cannot
    be copied or has no room, ``Stopped`` when ``stopped()`` says so.
    """
    for name in DIRECTORIES:
        os.makedirs(os.path.join(tree.root, name), exist_ok=True)
    for path, text in document["files"].items():
        target = tree.place(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
    coming = _Coming(tree.root, document["limits"].get("disk_bytes", 0), document.get("disk_reserve", 0), stopped)
    for entry in document["inputs"]:
        os.makedirs(tree.place(entry["path"]), exist_ok=True)
        for name, source in entry["files"]:
            if stopped():
                raise Stopped
            target = tree.place(entry["path"], name)
            if entry["unpack"] and name.endswith((".tar.gz", ".tgz")):
                from sagewright_runtime.shared.unpack import unpack

                unpack(source, os.path.dirname(target), name, coming.unpacked)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if entry.get("gunzip"):
                _gunzip(source, target.removesuffix(".gz"), name, coming)
                continue
            _copy(source, target, coming)


def give(root: str, uid: int) -> None:
    """Make ``uid`` the owner of a whole tree."""
    os.chown(root, uid, uid)
    for directory, names, files in os.walk(root):
        for name in names + files:
            os.chown(os.path.join(directory, name), uid, uid, follow_symlinks=False)


def _copy(source: str, target: str, coming: _Coming) -> None:
    """Copy inside the kernel, which shares the blocks where the file system can."""
    with open(source, "rb") as reader, open(target, "wb") as writer:
        left = os.fstat(reader.fileno()).st_size
        while left > 0:
            try:
                copied = os.copy_file_range(reader.fileno(), writer.fileno(), min(left, _COPIED_AT_ONCE))
            except OSError:  # other file systems, old kernels
                _pump(reader, writer, coming.copied)
                return
            if not copied:
                return
            left -= copied
            coming.copied(copied)


def _gunzip(source: str, target: str, name: str, coming: _Coming) -> None:
    """Unpack one file. Raises ``ValueError`` for what is not gzip or has too much in it, and as ``_Coming.copied``."""
    import gzip
    import zlib

    try:
        with gzip.open(source) as reader, open(target, "wb") as writer:
            _pump(reader, writer, coming.unpacked)
    except (gzip.BadGzipFile, EOFError, ValueError, zlib.error) as error:
        raise ValueError(f"{name} cannot be unpacked, and CompressionType is Gzip: {error}") from error


def _pump(reader: IO[bytes], writer: IO[bytes], wrote: Callable[[int], None] | None = None) -> None:
    while block := reader.read(_BLOCK):
        writer.write(block)
        if wrote is not None:
            wrote(len(block))


class _Room:
    """Bytes that outputs may have: holes in a file and names for the same file cost a job nothing, but us."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def take(self, content: IO[bytes]) -> None:
        """Make room for ``content``. Raises ``OSError`` when there is none."""
        self._taken += os.fstat(content.fileno()).st_size
        if self._most and self._taken > self._most:
            raise OSError(f"they have more than the {self._most >> 20} MiB that the job may have on disk")


def keep(
    tree: Tree, outputs: list[dict[str, Any]], outbox: str, most: int = 0, *, part: bool = False
) -> dict[str, str]:
    """Put each output that has anything in it into ``outbox``; returns its name and path.

    ``part``: a packed output is one of several hosts', to be put together with the others' (``_PartWriter``).
    Raises ``OSError`` when they have more than ``most`` bytes together (0: no limit).
    """
    kept: dict[str, str] = {}
    room = _Room(most)
    for output in outputs:
        root = tree.follow(output["path"])
        found = list(_entries(root)) if root and os.path.isdir(root) else []
        if not found and not output["always"]:
            continue
        os.makedirs(outbox, exist_ok=True)
        target = os.path.join(outbox, output["name"])
        if output["pack"]:
            with _PartWriter(target) if part else _Writer(target) as writer:
                _pack(tree, output["path"], found, writer, room)
        else:
            _mirror(tree, output["path"], found, target, room)
        kept[output["name"]] = target
    return kept


def said(tree: Tree, name: str) -> str:
    """The text the job left in ``output/<name>``: ``failure``, ``message``."""
    path = tree.follow(f"{tree.base}/output/{name}")
    file = path and _open(path)
    if not file:
        return ""
    with file:
        return file.read(4 * _SAID_CHARACTERS).decode(errors="replace")[:_SAID_CHARACTERS].strip()


def _entries(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Names below ``root`` in a fixed order, parents first, with their own status; links are not entered.

    Raises ``OSError`` for a directory that may not be read, or is nested too deep to have a name.
    """
    left = [""]
    while left:
        place = left.pop()
        with os.scandir(os.path.join(root, place)) as entries:
            found = sorted((os.path.join(place, entry.name), entry.stat(follow_symlinks=False)) for entry in entries)
        yield from found
        left.extend(name for name, status in reversed(found) if stat.S_ISDIR(status.st_mode))


def _open(path: str) -> IO[bytes] | None:
    """A regular file, opened without waiting for a pipe's other end or following a last link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None


def _content(tree: Tree, path: str) -> IO[bytes] | None:
    place = tree.follow(path)
    return _open(place) if place else None


class _Writer:
    """Writes a gzipped tar."""

    def __init__(self, target: str) -> None:
        import gzip
        import tarfile

        self._file = open(target, "wb")  # noqa: SIM115
        self._zipped = gzip.GzipFile("", "wb", _COMPRESSION, self._file, mtime=0)
        self._archive = tarfile.open(fileobj=self._zipped, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        """Add a member, with the bytes of ``content``."""
        self._archive.addfile(member, content)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._zipped.close()
        self._file.close()


class _PartWriter:
    """Writes a gzipped tar without an end, each member a gzip stream of its own, and beside it ``<target>.index``.

    A line of the index is ``[name, whether it is a directory, first byte, byte after the last]``: members are left out
    and archives joined without being unpacked.
    """

    def __init__(self, target: str) -> None:
        self._file = open(target, "wb")  # noqa: SIM115
        self._index = open(f"{target}.index", "w", encoding="ascii")  # noqa: SIM115

    def add(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        """Add a member, with the bytes of ``content``."""
        import gzip
        import json
        import tarfile

        start = self._file.tell()
        with gzip.GzipFile("", "wb", _COMPRESSION, self._file, mtime=0) as zipped:
            zipped.write(member.tobuf(tarfile.PAX_FORMAT))
            if content is not None:
                tarfile.copyfileobj(content, zipped, member.size)  # type: ignore[attr-defined]
                zipped.write(bytes(-member.size % tarfile.BLOCKSIZE))
        json.dump((member.name, member.isdir(), start, self._file.tell()), self._index)
        self._index.write("\n")

    def __enter__(self) -> _PartWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._index.close()


def _pack(
    tree: Tree, top: str, found: list[tuple[str, os.stat_result]], writer: _Writer | _PartWriter, room: _Room
) -> None:
    import tarfile

    for name, status in found:
        member = tarfile.TarInfo(name)
        member.mtime = int(status.st_mtime)
        member.mode = status.st_mode & _PERMISSIONS
        if stat.S_ISDIR(status.st_mode):
            member.type = tarfile.DIRTYPE
            writer.add(member)
        elif stat.S_ISLNK(status.st_mode) and (link := _link_within(tree, top, name)):
            member.type, member.linkname = tarfile.SYMTYPE, link
            writer.add(member)
        elif content := _content(tree, f"{top}/{name}"):
            with content:
                room.take(content)
                size, mode = os.fstat(content.fileno()).st_size, os.fstat(content.fileno()).st_mode
                member.size, member.mode = size, mode & _PERMISSIONS
                writer.add(member, content)


def _link_within(tree: Tree, top: str, name: str) -> str | None:
    """The text of a relative link that stays in its output; others are packed as the file they lead to."""
    top_place, place = tree.follow(top), tree.follow(f"{top}/{name}")
    if top_place is None or place is None or not place.startswith(top_place + "/"):
        return None
    link = os.readlink(os.path.join(top_place, name))
    return None if link.startswith("/") else link


def _mirror(tree: Tree, top: str, found: list[tuple[str, os.stat_result]], target: str, room: _Room) -> None:
    os.makedirs(target, exist_ok=True)
    for name, status in found:
        place = os.path.join(target, name)
        if stat.S_ISDIR(status.st_mode):
            os.makedirs(place, exist_ok=True)
        elif content := _content(tree, f"{top}/{name}"):
            with content, open(place, "wb") as writer:
                room.take(content)
                _pump(content, writer)
