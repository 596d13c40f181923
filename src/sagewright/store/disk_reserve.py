"""Keeps the last bytes of the disk for the database, so that on a full disk things can still be deleted."""

from __future__ import annotations

import errno
import os
from pathlib import Path

RESERVE = 8 << 20
"""Bytes that objects and logs leave free."""


def require_room(directory: Path | int) -> None:
    """Raises ``OSError`` (ENOSPC) when the disk of ``directory``, or of an open file, is full but for the reserve."""
    disk = os.statvfs(directory)
    if disk.f_bavail * disk.f_frsize < RESERVE:
        raise OSError(errno.ENOSPC, "no space left but the reserve", str(directory))
