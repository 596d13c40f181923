"""Directories of a running job whose changed files go to the server at once: checkpoints, continuous outputs.

A thread looks at them every few seconds. A file that is as it was at the look before is copied into the spool
(``shared/spool.py``), where the server takes it; after the process ended, whatever changed since is copied as well. The
job cannot mislead us: directories are entered by descriptor, no link is followed, and only regular files are read.
"""

from __future__ import annotations

import os
import stat
import time

from sagewright_runtime.shared import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from typing import Any

    from sagewright_runtime.agent.output import LogFile
    from sagewright_runtime.shared.tree import Tree

    Stamp = tuple[int, int, int]

UPLOADING, UPLOADED, IGNORED = ".sagemaker-uploading", ".sagemaker-uploaded", ".sagemaker-ignore"
"""Names beside a checkpoint by which programs know that it is being copied, was copied, or is not to be copied."""
MOST_FILES = 250_000
"""Files of one directory that are followed: what is known of each takes memory that is not the job's."""
LOOK_SECONDS = 2.0
_SHARE = 20
"""Looking, without copying, takes at most one part in so many of the time, however many files there are."""
_MOST_WAITING, _MOST_WAITING_BYTES = 1000, 1 << 30
"""What waits in the spool while the job runs: while the server is away, the job does not fill the disk with copies."""
_BLOCK = 64 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Sync:
    """The synced directories of one instance. ``document`` is its agent.json, ``directory`` where that lies.

    What is there now is known already. ``hint`` tells the server that there is something to take.
    """

    def __init__(
        self,
        tree: Tree,
        document: dict[str, Any],
        directory: str,
        hint: Callable[[], None],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._copies = _Copies(
            os.path.join(directory, spool.DIRECTORY),
            document["limits"].get("disk_bytes", 0),
            document.get("disk_reserve", 0),
            self.say,
        )
        self._hint = hint
        self._pause = look_seconds
        self._log: LogFile | None = None
        self._said: set[str] = set()
        self._thread: threading.Thread | None = None
        self._end: threading.Event | None = None
        uid = (document["command"]["sandbox"] or {}).get("uid")
        self._folders = [_Folder(self._copies, tree, each, uid) for each in document["syncs"]]

    def start(self, log: LogFile) -> None:
        """Follow from here on; what there is to say goes into ``log``."""
        import threading

        self._log = log
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(self._end,), name="sync", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """The process ended: copy all that changed. Raises ``OSError`` for what cannot be copied."""
        if self._thread is None or self._end is None:
            return
        self._copies.ending = True
        self._end.set()
        self._thread.join()
        self._copies.ending, self._copies.final = False, True
        try:
            self._look()
        except RecursionError:
            raise OSError("their directories are nested too deep") from None

    def say(self, line: str) -> None:
        """A line in the job's log, once."""
        if line not in self._said and self._log is not None:
            self._said.add(line)
            self._log.append([f"sagewright: {line}"], time.time())

    def _follow(self, end: threading.Event) -> None:
        pause = self._pause
        while not end.wait(pause):
            began, self._copies.seconds = time.monotonic(), 0.0
            try:
                self._look()
            except (OSError, RecursionError) as error:
                self.say(f"some files cannot be copied to S3 while the job runs: {type(error).__name__}")
            pause = max(self._pause, _SHARE * (time.monotonic() - began - self._copies.seconds))

    def _look(self) -> None:
        for folder, name in self._copies.taken():
            folder.taken(name)
        before = self._copies.count
        for folder in self._folders:
            folder.look()
        if self._copies.count != before:
            self._hint()


class _Copies:
    """The spool in ``directory``, as the agent fills it.

    ``most`` bytes (0: no limit) are what the job may have on disk, ``reserve`` what has to be left of the disk itself.
    """

    def __init__(self, directory: str, most: int, reserve: int, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._most = most
        self._reserve = reserve
        self.say = say
        self.count = 0
        """Items that were ever put in; the number of the next."""
        self.seconds = 0.0
        """Time spent with copying since somebody last set it."""
        self.ending = False
        """Whether a copy under way is better made after the process ended."""
        self.final = False
        """Whether the process ended: what is there now is all, and nobody writes it any more."""
        self._waiting: dict[int, tuple[_Folder, str, int]] = {}
        self._waiting_bytes = 0
        self._total = 0
        os.makedirs(directory, exist_ok=True)

    def taken(self) -> list[tuple[_Folder, str]]:
        """The files whose copies the server took since the last call."""
        left = set(spool.waiting(self._directory))
        gone = [self._waiting.pop(number) for number in list(self._waiting) if number not in left]
        self._waiting_bytes -= sum(size for _, _, size in gone)
        return [(folder, name) for folder, name, _ in gone]

    def room(self, size: int) -> bool:
        """Whether there is room for a copy of ``size`` bytes now. Raises ``OSError`` where there never will be."""
        if self.final:
            self._total += size
            if self._most and self._total > self._most:
                raise OSError(f"they have more than the {self._most >> 20} MiB that the job may have on disk")
            return True
        if self._waiting and (len(self._waiting) >= _MOST_WAITING or self._waiting_bytes + size > _MOST_WAITING_BYTES):
            return False
        if self._most and size > self._most:
            return False  # a file with holes
        state = os.statvfs(self._directory)
        if state.f_bavail * state.f_frsize - size < self._reserve:
            self.say("the disk is almost full: files are copied to S3 after the end of the job")
            return False
        return True

    def put(self, folder: _Folder, name: str, file: int, stamp: Stamp) -> bool:
        """Copy the open ``file`` into the spool; False when it changed meanwhile, or the copy was given up."""
        began = time.monotonic()
        try:
            return self._put(folder, name, file, stamp)
        finally:
            self.seconds += time.monotonic() - began

    def delete(self, folder: _Folder, name: str) -> None:
        """Say that a file was deleted."""
        spool.put(self._directory, self.count, folder.output, name, deleted=True)
        self._added(folder, name, 0)

    def _put(self, folder: _Folder, name: str, file: int, stamp: Stamp) -> bool:
        target = spool.data_path(self._directory, self.count)
        with open(target, "wb") as writer:
            whole = self._copy(file, writer.fileno()) and stamp_of(os.fstat(file)) == stamp
        if not whole:
            os.unlink(target)
            return False
        spool.put(self._directory, self.count, folder.output, name)
        self._added(folder, name, stamp[1])
        return True

    def _added(self, folder: _Folder, name: str, size: int) -> None:
        self._waiting[self.count] = (folder, name, size)
        self._waiting_bytes += size
        self.count += 1

    def _copy(self, source: int, target: int) -> bool:
        try:
            while os.copy_file_range(source, target, _BLOCK):
                if self.ending:
                    return False
        except OSError:  # other file systems, old kernels
            os.lseek(target, 0, os.SEEK_SET)
            os.ftruncate(target, 0)
            offset = 0
            while block := os.pread(source, 1 << 20, offset):
                offset += len(block)
                while block:
                    block = block[os.write(target, block) :]
                if self.ending:
                    return False
        return True


class _Folder:
    """One synced directory."""

    def __init__(self, copies: _Copies, tree: Tree, entry: dict[str, Any], uid: int | None) -> None:
        self.output: str = entry["name"]
        self._copies = copies
        self._root = tree.root
        self._parts = tree.place(entry["path"])[len(tree.root) :].strip("/").split("/")
        self._path = entry["path"]
        self._deletes: bool = entry["deletes"]
        self._markers: bool = entry["markers"]
        self._uid = uid
        self._seen: dict[str, Stamp] = {}
        self._arrived: set[str] = set()
        self._known, _ = self._scan(lambda *_: None)

    def taken(self, name: str) -> None:
        """The server has the copy of ``name``."""
        if self._markers:
            self._arrived.add(name)

    def look(self) -> None:
        """Put into the spool what changed, or was deleted."""
        found, complete = self._scan(self._file)
        self._seen = found
        self._arrived &= found.keys()
        if complete:
            for name in [name for name in self._known if name not in found]:
                if self._deletes and not self._copies.room(0):
                    return
                if self._deletes:
                    self._copies.delete(self, name)
                del self._known[name]

    def _scan(self, visit: Callable[[str, str, int, Stamp], None]) -> tuple[dict[str, Stamp], bool]:
        """Regular files by their names, and whether all of them were found; ``visit`` is called with each."""
        found: dict[str, Stamp] = {}
        top = self._open()
        if top < 0:
            return found, False
        wrong: list[OSError] = []
        try:
            for place, _, names, directory in os.fwalk(".", dir_fd=top, onerror=wrong.append):
                for name in names:
                    if self._markers and name.endswith((UPLOADING, UPLOADED, IGNORED)):
                        continue
                    try:
                        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if not stat.S_ISREG(status.st_mode):
                        continue
                    if len(found) >= MOST_FILES:
                        self._copies.say(f"{self._path} has more than {MOST_FILES} files: the others are not copied")
                        return found, False
                    whole = os.path.normpath(os.path.join(place, name))
                    found[whole] = stamp_of(status)
                    visit(whole, name, directory, found[whole])
        finally:
            os.close(top)
        if wrong and self._copies.final:
            raise wrong[0]
        return found, not wrong

    def _open(self) -> int:
        """The directory, if it is one and no link led there; else -1."""
        try:
            current = os.open(self._root, _DIRECTORY)
        except OSError:
            return -1
        for part in self._parts:
            try:
                following = os.open(part, _DIRECTORY, dir_fd=current)
            except OSError:
                following = -1
            os.close(current)
            if following < 0:
                return -1
            current = following
        return current

    def _file(self, whole: str, name: str, directory: int, stamp: Stamp) -> None:
        if whole in self._arrived:
            self._arrived.discard(whole)
            self._mark(name, UPLOADED, directory)
        if self._known.get(whole) == stamp or self._copies.ending:
            return
        if not self._copies.final and self._seen.get(whole) != stamp:
            return  # somebody may be writing it
        if not self._copies.room(stamp[1]):
            return
        try:
            file = os.open(name, _FILE, dir_fd=directory)
        except OSError:
            return  # gone, or something else by now
        try:
            if stamp_of(os.fstat(file)) != stamp:
                return
            if self._markers and not self._copies.final:
                _unlink(name + UPLOADED, directory)
                self._mark(name, UPLOADING, directory)
            if self._copies.put(self, whole, file, stamp):
                self._known[whole] = stamp
        finally:
            os.close(file)

    def _mark(self, name: str, suffix: str, directory: int) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            mark = os.open(name + suffix, flags, 0o644, dir_fd=directory)
        except OSError:
            return  # there already, or the name would be too long
        if self._uid is not None:
            os.fchown(mark, self._uid, self._uid)
        os.close(mark)


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes when a file does."""
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _unlink(name: str, directory: int) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        return
