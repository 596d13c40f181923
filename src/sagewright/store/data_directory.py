"""Who may use a data directory: one server with SQLite, or those that share one PostgreSQL.

Objects, logs and the directories of runs are files, and runs are processes of this machine. So servers that share a
database share the data directory too, and the machine; this file refuses everything else with a sentence that says so.
Where objects are in an S3 elsewhere, servers of other machines may join, each with a data directory of its own, which
is then a **place**: work stays at the place that accepted it.

    lock            held by every server: alone while it starts, or for good with SQLite; shared after that
    servers/<n>     held by one server; says which machine it is on. Server 0 is the first, 1 joined it, and so on
    installation    an id that the database knows too
    place           an id of this directory
"""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO

from sagewright.core.ids import run_id
from sagewright.store.resources import AlreadyExists, ResourceStore

START_SECONDS = 60.0


class Claim:
    """The right to use ``directory``, held until ``close``. Raises ``OSError`` when others use it in another way.

    ``alone`` tells that no other server runs, and none begins before ``share``.
    """

    def __init__(self, directory: Path, *, shared: bool) -> None:
        self._directory = directory
        self._lock = (directory / "lock").open("a+")
        try:
            self.alone = self._take(shared)
            (directory / "servers").mkdir(exist_ok=True)
            self.number, self._seat = self._sit()
        except OSError:
            self._lock.close()
            raise

    def share(self) -> None:
        """The start is over: let other servers come."""
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def close(self) -> None:
        """Give the right back."""
        self._seat.close()
        self._lock.close()

    def place(self) -> str:
        """The id of the directory."""
        path = self._directory / "place"
        if not path.exists():
            path.write_text(run_id() + "\n")
        return path.read_text().strip()

    @property
    def bound(self) -> bool:
        """Whether ``bind`` was called before."""
        return (self._directory / "installation").exists()

    def bind(self, resources: ResourceStore, objects: str = "") -> str:
        """See to it that the database, the directory and the bytes of objects belong together; gives their common id.

        ``objects`` is the URI where the bytes are, empty when they are in the directory. Raises ``OSError`` when they
        do not.
        """
        path = self._directory / "installation"
        identifier = path.read_text().strip() if self.bound else run_id()
        if objects and any(any((self._directory / "objects" / kind).glob("*/*")) for kind in ("blobs", "pieces")):
            raise OSError(_moved(f"files in {self._directory}", objects))
        try:
            resources.create(
                account="0" * 12,
                region="global",
                kind="Installation",
                name="installation",
                arn="sagewright:installation",
                spec={"id": identifier, "directory": str(self._directory), "objects": objects},
            )
        except AlreadyExists as found:
            known = found.existing.spec
            if known.get("objects", "") != objects:
                raise OSError(_moved(known.get("objects") or f"files in {known['directory']}", objects)) from None
            if objects and not self.bound:
                identifier = str(known["id"])  # a place that joins
            if known["id"] != identifier:
                raise OSError(
                    f"the database belongs to the data directory {known['directory']}, not to {self._directory}: "
                    "servers that share a database share the data directory too, or an S3 by SAGEWRIGHT_S3_BUCKET"
                ) from None
        path.write_text(identifier + "\n")
        return identifier

    def _take(self, shared: bool) -> bool:
        if _try(self._lock, fcntl.LOCK_EX):
            return True
        end = time.monotonic() + START_SECONDS
        while shared and time.monotonic() < end:  # another is starting
            if _try(self._lock, fcntl.LOCK_SH):
                return False
            time.sleep(0.05)
        raise OSError(f"another server uses {self._directory}; give this one a --data-dir and a --port of its own")

    def _sit(self) -> tuple[int, IO[str]]:
        """Take the first free seat. Raises ``OSError`` when a server of another machine has one."""
        seats, free = self._directory / "servers", []
        for number in range(len(list(seats.iterdir())) + 1):
            seat = (seats / str(number)).open("a+")
            if _try(seat, fcntl.LOCK_EX):
                free.append((number, seat))
                continue
            with seat:
                seat.seek(0)
                if seat.read() not in ("", _machine()):
                    raise OSError(f"servers on another machine use {self._directory}; start this one there too")
        for _, unused in free[1:]:
            unused.close()
        number, seat = free[0]
        seat.truncate(0)
        seat.write(_machine())
        seat.flush()
        return number, seat


def _moved(there: str, here: str) -> str:
    return (
        f"the objects of this installation are {there}, but SAGEWRIGHT_S3_BUCKET and SAGEWRIGHT_S3_PREFIX say "
        f"{here or 'files in the data directory'}: `sagewright backup` and `restore` move them"
    )


def _machine() -> str:
    """What tells machines, and containers on one, from each other: processes here see the same processes."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _try(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
