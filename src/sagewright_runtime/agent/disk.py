"""What a job takes of the disk: watched, for a directory has no limit that an ordinary user could set."""

from __future__ import annotations

import errno
import os
import stat
import time

_LOOK_SECONDS = 1.0
_SHARE = 20
"""Looking takes at most one part in so many of the time, however many files there are."""
_QUIET_BYTES = 16 << 20
"""A job that wrote less than this since the last look is not what fills the disk."""


class Disk:
    """Everything below ``places``: at most ``most`` bytes (0: no limit), and no growth while the disk has less than
    ``reserve`` bytes left, which are the server's and the other jobs'.

    ``reason`` says why the job must end, once it must.
    """

    def __init__(self, places: list[str], most: int, reserve: int) -> None:
        self._places = [place for place in places if os.path.isdir(place)]
        self._most = most
        self._reserve = reserve
        self._used = -1  # not measured yet: a start with many inputs does not wait for it
        self.due = time.monotonic() + _LOOK_SECONDS
        self.reason = ""

    def look(self) -> bool:
        """Measure, when that is due; True when the job must end."""
        now = time.monotonic()
        if now < self.due or self.reason or not self._places:
            return bool(self.reason)
        before = self._used
        try:
            self._used = used(self._places)
        except (OSError, RecursionError):
            self.reason = "its directories are nested too deep to be measured"
            return True
        if self._most and self._used > self._most:
            self.reason = f"out of disk, {self._used >> 20} MiB of {self._most >> 20} MiB limit"
        elif 0 <= before < self._used - _QUIET_BYTES and (left := _left(self._places[0])) < self._reserve:
            self.reason = f"out of disk, {self._used >> 20} MiB used while the machine has {left >> 20} MiB left"
        cost = time.monotonic() - now
        self.due = now + max(_LOOK_SECONDS, _SHARE * cost)
        return bool(self.reason)


def used(places: list[str]) -> int:
    """Bytes of disk below ``places``, a file of several names once; what vanishes meanwhile does not count.

    Directories are entered by descriptor: the job may put a link in the place of any. Raises ``OSError`` (EMFILE) or
    ``RecursionError`` where they are nested deeper than that goes.
    """
    total, known = 0, set()
    for place in places:
        for _, names, files, directory in os.fwalk(place, onerror=_deep):
            for name in names + files:
                try:
                    state = os.stat(name, dir_fd=directory, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
                    if state.st_ino in known:
                        continue
                    known.add(state.st_ino)
                total += state.st_blocks * 512
    return total


def _deep(error: OSError) -> None:
    if error.errno == errno.EMFILE:
        raise error


def _left(place: str) -> int:
    state = os.statvfs(place)
    return state.f_bavail * state.f_frsize
