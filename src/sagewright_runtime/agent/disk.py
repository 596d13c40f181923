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
        self._used = used(self._places)
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
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            self.reason = "its directories are nested too deep to be measured"
            return True
        if self._most and self._used > self._most:
            self.reason = f"out of disk, {self._used >> 20} MiB of {self._most >> 20} MiB limit"
        elif self._used > before + _QUIET_BYTES and (left := _left(self._places[0])) < self._reserve:
            self.reason = f"out of disk, {self._used >> 20} MiB used while the machine has {left >> 20} MiB left"
        cost = time.monotonic() - now
        self.due = now + max(_LOOK_SECONDS, _SHARE * cost)
        return bool(self.reason)


def used(places: list[str]) -> int:
    """Bytes of disk below ``places``, a file of several names once. What vanishes meanwhile, or may not be read, does
    not count. Raises ``OSError`` (ENAMETOOLONG) for a directory too deep to be named."""
    total, known, left = 0, set(), list(places)
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    state = entry.stat(follow_symlinks=False)
                    if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
                        if state.st_ino in known:
                            continue
                        known.add(state.st_ino)
                    total += state.st_blocks * 512
                    if stat.S_ISDIR(state.st_mode):
                        left.append(entry.path)
        except (FileNotFoundError, PermissionError):
            continue
    return total


def _left(place: str) -> int:
    state = os.statvfs(place)
    return state.f_bavail * state.f_frsize
